import {
  type ClientAdministration,
  createClientAdministration,
  type DefinitionMistake
} from '../clients/administration.ts'
import { type ClientAuthentication, type ClientDefinition, hasSecret } from '../clients/client.ts'
import type { ClientStore } from '../clients/client-store.ts'
import { check } from '../schema/check.ts'
import { fullCidr } from './cidr.ts'
import { definitionFindings, proofFindings, type WrittenDefinition } from './client-checks.ts'
import { ClientDefinition as Schema } from './client-schema.ts'
import { complete } from './complete.ts'
import type { Client, Config } from './config.ts'
import type { Finding } from './config-error.ts'
import { explain } from './explain.ts'
import { milliseconds } from './units.ts'

/** What a client is and may, from what was written of it. */
export function resolveDefinition(written: WrittenDefinition, issuer: string): ClientDefinition {
  const { authentication, audiences, accessTtl, refreshTtl, limits, forwardedFor, allowPrivate, ...rest } = written
  return {
    ...rest,
    authentication: authenticationOf(written, authentication),
    audiences: audiences.length === 0 ? [issuer] : audiences,
    ...(accessTtl === undefined ? {} : { accessTtlSeconds: milliseconds(accessTtl) / 1000 }),
    ...(refreshTtl === undefined ? {} : { refreshTtlSeconds: milliseconds(refreshTtl) / 1000 }),
    ...(limits === undefined ? {} : { limits: { max: limits.max, windowMs: milliseconds(limits.window) } }),
    forwardedFor: forwardedFor.map(fullCidr),
    allowPrivate: allowPrivate.map(fullCidr)
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

/** The rules by which clients of the database come, change and go, beside those of this configuration. */
export const clientAdministrationOf = (config: Config, store: ClientStore): ClientAdministration =>
  createClientAdministration({
    store,
    configured: config.clients.map((client) => ({ id: client.id, definition: writtenOf(client) })),
    mistakes: (definition) => [
      ...findingsIn(completed(definition)).map(shownMistake),
      ...unknownIn(definition, config)
    ],
    complete: completed,
    now: Date.now
  })

const shownMistake = ({ path, message, isUnshown }: Finding): DefinitionMistake => ({
  path: isUnshown ? path.slice(0, -1) : path,
  message
})

const completed = (definition: unknown) => complete(Schema, definition, new Set()) as Record<string, unknown>

const mistakesIn = (written: unknown): readonly string[] =>
  findingsIn(written).map(({ path, message, isUnshown }) => `${isUnshown ? '' : `${path.join('.')}: `}${message}`)

function findingsIn(written: unknown): readonly Finding[] {
  if (!isDefinition(written)) return explain(Schema, written)
  return [...proofFindings(written, hasSecret(written), []), ...definitionFindings(written, [])]
}

/** Audiences and backends that the configuration does not have, or no longer. */
function unknownIn(definition: Readonly<Record<string, unknown>>, config: Config): DefinitionMistake[] {
  const known = {
    audience: config.audiences.map(({ id }) => id),
    backend: config.backends.map(({ policy }) => policy.id)
  }
  return (['audience', 'backend'] as const).flatMap((what) => {
    const names = definition[`${what}s`]
    return (Array.isArray(names) ? names : []).flatMap((name: unknown, index) =>
      typeof name !== 'string' || known[what].includes(name)
        ? []
        : [{ path: [`${what}s`, index], message: `no ${what} has the id ${JSON.stringify(name)}` }]
    )
  })
}

/** A client of the configuration in its words, without its secrets. */
function writtenOf(client: Client): Record<string, unknown> {
  const { id: _id, secrets: _secrets, authentication, accessTtlSeconds, refreshTtlSeconds, limits, ...rest } = client
  const [only, ...others] = authentication
  return {
    ...rest,
    ...(others.length === 0 ? { authentication: only } : {}),
    ...(accessTtlSeconds === undefined ? {} : { accessTtl: `${accessTtlSeconds}s` }),
    ...(refreshTtlSeconds === undefined ? {} : { refreshTtl: `${refreshTtlSeconds}s` }),
    ...(limits === undefined ? {} : { limits: { max: limits.max, window: `${limits.windowMs}ms` } })
  }
}

const isDefinition = (value: unknown): value is WrittenDefinition => check(Schema, value)
