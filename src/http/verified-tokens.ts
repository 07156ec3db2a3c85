import type { KeyRing } from '../tokens/key-ring.ts'
import { type JoseHeader, keyFor } from '../tokens/verify.ts'
import { readUnverified } from '../unverified-jwt.ts'

/** Tokens whose signatures were good a moment ago. */
export interface VerifiedTokens {
  /**
   * The claims, where the token has not expired; `undefined` where it must be verified.
   * @throws {InvalidToken} the key that signed is none of ours any more
   */
  claimsOf(token: string): Promise<unknown>
  /** @param claims of a good signature */
  remember(token: string, claims: object): Promise<void>
}

interface Verified {
  readonly header: JoseHeader
  readonly key: string
  readonly claims: object
  readonly exp: number
}

const maxRemembered = 1000

/** A signature stays what it is; whether its key is one of ours is looked up each time. */
export function createVerifiedTokens(keys: Pick<KeyRing, 'findKey'>): VerifiedTokens {
  const verified = new Map<string, Verified>()
  return {
    async claimsOf(token) {
      const known = verified.get(token)
      if (known === undefined) return undefined
      if ((await keyFor(known.header, keys)) === known.key && Date.now() < known.exp * 1000) return known.claims
      verified.delete(token)
      return undefined
    },
    async remember(token, claims) {
      const header = readUnverified(token)?.header
      if (header === undefined || !('exp' in claims) || typeof claims.exp !== 'number') return
      verified.set(token, { header, key: await keyFor(header, keys), claims, exp: claims.exp })
      for (const oldest of verified.keys()) {
        if (verified.size <= maxRemembered) break
        verified.delete(oldest)
      }
    }
  }
}
