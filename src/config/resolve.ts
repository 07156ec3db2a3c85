import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { BackendDefinition } from '../auth/define-backend.ts'
import { canonicalDomain } from '../auth/email.ts'
import type { LinkPolicy } from '../auth/link.ts'
import { type CommonOptions, ownOptions, sharedWith } from './backend-schema.ts'
import { fullCidr } from './cidr.ts'
import { resolveDefinition } from './clients.ts'
import type { Audience, Config, ConfiguredBackend, UserAttribute } from './config.ts'
import { databaseOf } from './database.ts'
import { limitsOf } from './limits.ts'
import { mailOf } from './mail.ts'
import type { ConfigFile } from './schema.ts'
import { telemetryOf } from './telemetry.ts'
import { milliseconds } from './units.ts'
import { endpointOf } from './webhooks.ts'

/** What resolving needs to know of where the configuration came from. */
export interface Origin {
  readonly file?: string
  readonly baseFolder: string
  /** What a relative database file starts from. */
  readonly databaseFolder: string
  readonly definitions: Readonly<Record<string, BackendDefinition>>
  readonly env: Readonly<Record<string, string | undefined>>
}

const usualBackendMs = 1500
const usualMaxLength = 255

/** Turns a file that has no mistakes into what the service uses. */
export function resolveConfig(file: ConfigFile, origin: Origin): Config {
  const { listen, ops, secret, database, login, tokens, publicClient, permissions, log, limits, audit } = file
  const issuer = file.issuer ?? `http://localhost:${listen.port}`
  return {
    ...(origin.file === undefined ? {} : { file: origin.file }),
    baseFolder: origin.baseFolder,
    firstAdministrator: origin.file === undefined,
    issuer,
    listen: { ...listen, trustedProxies: listen.trustedProxies.map(fullCidr) },
    ops: { from: ops.from.map(fullCidr) },
    secrets: secret === undefined ? [] : [secret].flat(),
    database: databaseOf(database, origin.databaseFolder).database,
    backends: file.backends.map((options) => backendOf(options as CommonOptions, login.timeout, origin)),
    users: { attributes: mapValues(file.users.attributes, attributeOf) },
    login: { timeoutMs: milliseconds(login.timeout), failureFloorMs: milliseconds(login.failureFloor) },
    tokens: {
      accessTtlSeconds: milliseconds(tokens.accessTtl) / 1000,
      refreshTtlSeconds: milliseconds(tokens.refreshTtl) / 1000,
      refreshIdleTtlSeconds: milliseconds(tokens.refreshIdleTtl) / 1000,
      algorithm: tokens.algorithm,
      maxBytes: tokens.maxBytes,
      rotateMs: tokens.rotate !== false && milliseconds(tokens.rotate),
      keyFiles: tokens.keys.map(({ file }) => resolve(origin.baseFolder, file))
    },
    audiences: audiencesOf(file, issuer),
    publicClient,
    clients: file.clients.map(({ id, secret, ...written }) => ({
      ...resolveDefinition(written, issuer),
      id,
      secrets: [secret ?? []].flat()
    })),
    passwords: passwordsOf(file.passwords),
    passwordReset: {
      ttlMs: milliseconds(file.passwords.resetTtl),
      url: file.passwords.resetUrl,
      elsewhere: file.passwords.resetElsewhere
    },
    mail: mailOf(file.mail, origin.baseFolder),
    passwordPolicy: { minLength: file.passwords.minLength },
    limits: limitsOf(limits, origin.baseFolder),
    audit: {
      retentionMs: audit.retention !== false && milliseconds(audit.retention),
      refusalsPerMinute: audit.refusalsPerMinute
    },
    webhooks: file.webhooks.map(endpointOf),
    telemetry: telemetryOf(file.telemetry, origin.env, origin.baseFolder),
    permissions,
    log
  }
}

function backendOf(options: CommonOptions, loginTimeout: string, { definitions }: Origin): ConfiguredBackend {
  const definition = definitions[options.type]
  if (definition === undefined) throw new TypeError(`no definition of the backend type ${options.type}`)
  const { id, type, onRejected, onUnavailable, create, updateAttributes, grants, veto, permissionsOnUnavailable } =
    options
  const timeoutMs = options.timeout
    ? milliseconds(options.timeout)
    : Math.min(usualBackendMs, milliseconds(loginTimeout))
  const own = ownOptions(definition, options)
  const policy: LinkPolicy = {
    ...{
      id,
      type,
      onRejected,
      onUnavailable,
      timeoutMs,
      create,
      updateAttributes,
      grants,
      veto,
      permissionsOnUnavailable
    },
    ...('attributes' in sharedWith(definition) && { attributes: options.attributes }),
    email: emailOf(options.email),
    ...(definition.mirrors && { mirrors: definition.mirrors(own) }),
    vouches: definition.vouches ?? 'by-domain'
  }
  return { policy, definition, options: own }
}

function emailOf({ domains, ...rest }: CommonOptions['email']): LinkPolicy['email'] {
  if (domains === undefined) return rest
  return { ...rest, domains: domains.map(canonicalDomain).filter((domain) => domain !== undefined) }
}

function attributeOf(written: ConfigFile['users']['attributes'][string], name: string): UserAttribute {
  const { type, maxLength = usualMaxLength, required, claim = false } = written
  return { type, maxLength, required, ...(claim === false ? {} : { claim: claim === true ? name : claim }) }
}

function audiencesOf({ audiences, tokens }: ConfigFile, issuer: string): Audience[] {
  const own: ConfigFile['audiences'][number] = {
    ...{ id: issuer, permissions: ['*'], typ: 'at+jwt', permissionsBy: 'value', claims: {} }
  }
  const listed = audiences.find(({ id }) => id === issuer)
  const all = [listed ?? own, ...audiences.filter((audience) => audience !== listed)]
  return all.map(({ accessTtl, ...audience }) => ({
    algorithm: tokens.algorithm,
    ...audience,
    ...(accessTtl === undefined ? {} : { accessTtlSeconds: milliseconds(accessTtl) / 1000 })
  }))
}

function passwordsOf(written: ConfigFile['passwords']): Config['passwords'] {
  const { memory, iterations, parallelism, concurrency = availableParallelism(), queue, queueTimeout } = written
  return {
    ...{ memoryKiB: memory, iterations, parallelism, concurrency, queueLength: queue },
    queueTimeoutMs: milliseconds(queueTimeout)
  }
}

const mapValues = <Value, Result>(
  record: Readonly<Record<string, Value>>,
  change: (value: Value, key: string) => Result
) => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]))
