import { defineBackend } from '../../auth/define-backend.ts'
import { jwtMistakes } from './mistakes.ts'
import { openJwt } from './open.ts'
import { JwtOptions } from './options.ts'

/** Tokens of another issuer: verified against the keys that it publishes, by token exchange (RFC 8693). */
export const jwtBackend = defineBackend({
  mirrors: () => false,
  vouches: 'by-domain-if-verified',
  options: JwtOptions,
  mistakes: jwtMistakes,
  open: openJwt
})
