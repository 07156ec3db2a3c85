import type { ClientAuthentication, ClientDefinition } from '../clients/client.ts'
import { check } from '../schema/check.ts'
import { fullCidr } from './cidr.ts'
import { definitionFindings, type WrittenDefinition } from './client-checks.ts'
import { ClientDefinition as Schema } from './client-schema.ts'
import { complete } from './complete.ts'
import { explain } from './explain.ts'
import { milliseconds } from './units.ts'

/** What a client is and may, from what was written of it. */
export function resolveDefinition(written: WrittenDefinition, issuer: string): ClientDefinition {
  const { authentication, audiences, accessTtl, refreshTtl, limits, forwardedFor, ...rest } = written
  return {
    ...rest,
    authentication: authenticationOf(written, authentication),
    audiences: audiences.length === 0 ? [issuer] : audiences,
    ...(accessTtl === undefined ? {} : { accessTtlSeconds: milliseconds(accessTtl) / 1000 }),
    ...(refreshTtl === undefined ? {} : { refreshTtlSeconds: milliseconds(refreshTtl) / 1000 }),
    ...(limits === undefined ? {} : { limits: { max: limits.max, windowMs: milliseconds(limits.window) } }),
    forwardedFor: forwardedFor.map(fullCidr)
  }
}

function authenticationOf(
  { jwks, jwksUri }: WrittenDefinition,
  authentication: ClientAuthentication | undefined
): readonly ClientAuthentication[] {
  if (authentication !== undefined) return [authentication]
  return (jwks ?? jwksUri) ? ['private_key_jwt'] : ['client_secret_basic', 'client_secret_post']
}

/**
 * The definition of a client in the database: as strict as the configuration, with its defaults.
 * @throws {TypeError} that names what is wrong, and holds no value
 */
export function readDefinition(stored: unknown, issuer: string): ClientDefinition {
  const written = complete(Schema, stored, new Set())
  const mistakes = mistakesIn(written)
  if (!isDefinition(written) || mistakes.length > 0) throw new TypeError(mistakes.join('; '))
  return resolveDefinition(written, issuer)
}

/** What is wrong with a definition, each with its place; empty where nothing is. */
export const definitionMistakes = (stored: unknown): readonly string[] =>
  mistakesIn(complete(Schema, stored, new Set()))

function mistakesIn(written: unknown): readonly string[] {
  const findings = isDefinition(written) ? definitionFindings(written, []) : explain(Schema, written)
  return findings.map(({ path, message, isUnshown }) => `${isUnshown ? '' : `${path.join('.')}: `}${message}`)
}

const isDefinition = (value: unknown): value is WrittenDefinition => check(Schema, value)
