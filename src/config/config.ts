import type { BackendDefinition } from '../auth/define-backend.ts'
import type { LinkPolicy } from '../auth/link.ts'
import type { ClientDefinition } from '../clients/client.ts'
import type { RedisConfig } from '../limits/redis.ts'
import type { SmtpOptions } from '../mail/smtp.ts'
import type { WebhookOptions } from '../mail/webhook.ts'
import type { Endpoint } from '../webhooks/endpoint.ts'
import type { ConfigFile } from './schema.ts'
import type { Sampling } from './telemetry-environment.ts'

/** One backend of the chain: its place and policy, and what `definition.open` takes. */
export interface ConfiguredBackend {
  readonly policy: LinkPolicy
  readonly definition: BackendDefinition
  /** The type's own options, validated by its own schema, with its defaults. */
  readonly options: unknown
}

/** Where the data are: a file of this machine, or a server. */
export type DatabaseConfig =
  | {
      readonly dialect: 'sqlite'
      /** Absolute. */
      readonly file: string
    }
  | {
      readonly dialect: 'mysql'
      /** `mysql://user@host:port/name`, with the password where it was written into it. */
      readonly url: string
      readonly password?: string
    }

/** A user's field of one's own. */
export interface UserAttribute {
  readonly type: 'string' | 'number' | 'boolean' | 'date'
  /** In characters; for strings alone. */
  readonly maxLength: number
  readonly required: boolean
  /** The claim that carries it in access tokens. */
  readonly claim?: string
}

/** A resource server that tokens can be for. The issuer is always among them, with every permission. */
export interface Audience extends Required<Omit<ConfigFile['audiences'][number], 'accessTtl'>> {
  /** Absent: as all. */
  readonly accessTtlSeconds?: number
}

/** A registered service that calls us. Without `backends`, all; without audiences, the issuer. */
export interface Client extends ClientDefinition {
  readonly id: string
  /** The newest first; two while one replaces the other. */
  readonly secrets: readonly string[]
}

/** How mails are sent: by a mail server, or by a service that is told of each. */
export type MailConfig =
  | {
      readonly smtp: SmtpOptions
      /** A folder, absolute. */
      readonly templates?: string
    }
  | { readonly webhook: WebhookOptions }

/** Where traces and figures go. What is left open here is the exporters' own default, or variable of the environment. */
export interface TelemetryConfig {
  /** What the service is called there. */
  readonly service: string | undefined
  /** Absent: none are sent. */
  readonly traces?: { readonly url: string; readonly sampling: Sampling; readonly delayMs: number | undefined }
  /** Absent: none are sent. */
  readonly metrics?: { readonly url: string; readonly intervalMs: number | undefined }
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number | undefined
  /** PEM files, absolute. */
  readonly tls: Readonly<Record<'ca' | 'cert' | 'key', string | undefined>> | undefined
}

/** The configuration as the service uses it: complete, checked, units in the names of numbers. */
export interface Config {
  /** The file that it came from; absent where there is none. */
  readonly file?: string
  /** What relative names start from: the file's folder, or where the process runs. */
  readonly baseFolder: string
  /** Whether an empty database gets an administrator: without a file only. */
  readonly firstAdministrator: boolean
  readonly issuer: string
  readonly listen: { readonly host: string; readonly port: number; readonly trustedProxies: readonly string[] }
  /** CIDRs always have their prefix length, as in `listen`. */
  readonly ops: { readonly from: readonly string[] }
  /** The newest first. Empty, with SQLite only: one is to be made and kept beside the database. */
  readonly secrets: readonly string[]
  readonly database: DatabaseConfig
  readonly backends: readonly ConfiguredBackend[]
  readonly users: { readonly attributes: Readonly<Record<string, UserAttribute>> }
  readonly login: { readonly timeoutMs: number; readonly failureFloorMs: number }
  readonly tokens: {
    readonly accessTtlSeconds: number
    readonly refreshTtlSeconds: number
    readonly refreshIdleTtlSeconds: number
    readonly algorithm: 'ES256' | 'RS256' | 'EdDSA'
    readonly maxBytes: number
    /** How long a key signs; false: until somebody rotates it. */
    readonly rotateMs: number | false
    /** Files with private keys; absolute, checked. */
    readonly keyFiles: readonly string[]
  }
  readonly audiences: readonly Audience[]
  readonly publicClient: boolean
  readonly clients: readonly Client[]
  readonly passwords: {
    readonly memoryKiB: number
    readonly iterations: number
    readonly parallelism: number
    /** Hashes at once. */
    readonly concurrency: number
    /** Hashes that may wait. */
    readonly queueLength: number
    readonly queueTimeoutMs: number
  }
  /** What a new password must be. */
  readonly passwordPolicy: {
    /** In code points. */
    readonly minLength: number
  }
  readonly passwordReset: {
    readonly ttlMs: number
    /** With `{token}` in it. */
    readonly url?: string | undefined
    /** Where people of a backend get a new password, by its id. */
    readonly elsewhere: Readonly<Record<string, string>>
  }
  /** Absent: no mails are sent. */
  readonly mail?: MailConfig | undefined
  readonly limits: {
    readonly ip: false | { readonly max: number; readonly windowMs: number }
    readonly account: false | { readonly failures: number; readonly totalFailures: number; readonly windowMs: number }
    /** Absent: each process counts for itself. */
    readonly redis?: RedisConfig
  }
  readonly audit: {
    /** False: for ever. */
    readonly retentionMs: number | false
    readonly refusalsPerMinute: number
  }
  readonly webhooks: readonly Endpoint[]
  /** Absent: nothing of OpenTelemetry is loaded. */
  readonly telemetry?: TelemetryConfig | undefined
  readonly permissions: {
    /** Descriptions by name. */
    readonly declare: Readonly<Record<string, string>>
    readonly anonymous: readonly string[]
  }
  readonly log: { readonly level: ConfigFile['log']['level'] }
}
