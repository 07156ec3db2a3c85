import type { FastifyBaseLogger } from 'fastify'
import type { AdminTools } from '../admin/tools.ts'
import type { Audit, AuditStore } from '../auth/audit.ts'
import type { GroupStore, PermissionList, UserHoldings } from '../auth/group-store.ts'
import type { LocalAccounts } from '../auth/local-accounts.ts'
import type { LoginTools } from '../auth/login.ts'
import type { ObjectGrantStore, PermissionSearch } from '../auth/object-grant-store.ts'
import type { MailMetrics } from '../auth/reset-mail.ts'
import type { Tracer } from '../auth/tracing.ts'
import type { ClientAdministration } from '../clients/administration.ts'
import type { Assertions } from '../clients/assertions.ts'
import type { ClientRegistry } from '../clients/registry.ts'
import type { Rates } from '../limits/rates.ts'
import type { SharedCounters } from '../limits/redis.ts'
import type { Resets } from '../resets.ts'
import type { TokenTools } from '../tokens/access-token.ts'
import type { Audience } from '../tokens/audience.ts'
import type { RotationTools } from '../tokens/rotation.ts'
import type { Sessions } from '../tokens/sessions.ts'
import type { WebhookAdministration } from '../webhooks/administration.ts'
import type { VerifiedTokens } from './verified-tokens.ts'

/** What clients are told apart, verified and counted with. */
export interface ClientTools {
  readonly registry: ClientRegistry
  readonly assertions: Assertions
  readonly rates: Rates
}

/** What the routes are made of; the composition puts it together, no route makes its own. */
export interface AppParts {
  readonly log: FastifyBaseLogger
  /** Absent where nobody traces. */
  readonly tracer?: Tracer | undefined
  readonly version: string
  readonly trustedProxies: readonly string[]
  /** Whether an address, beside loopback, may read `/status` and `/metrics`. */
  readonly isOperator: (ip: string) => boolean
  /** Requests to the token endpoint per client address. */
  readonly ipLimit: { readonly max: number; readonly windowMs: number } | false
  /** What is counted against it; goes on where another configuration is put in force. */
  readonly addressRates: Rates
  /** Absent where this process counts for itself. */
  readonly sharedCounters?: Pick<SharedCounters, 'ping'> | undefined
  /** Callers without client authentication are served. */
  readonly publicClient: boolean
  readonly clients: ClientTools
  readonly login: LoginTools
  readonly permissionSearch: PermissionSearch
  /** The passwords of our own table. */
  readonly accounts: LocalAccounts
  readonly resets: Resets
  /** The rules of administration over users, groups and permissions. */
  readonly admin: AdminTools
  readonly audit: Audit
  readonly tokens: TokenTools
  readonly verifiedTokens: VerifiedTokens
  readonly sessions: Sessions
  /** All audiences, the issuer first. */
  readonly audiences: readonly Audience[]
  readonly metrics: MailMetrics & { contentType: string; text(): Promise<string> }
  /** What else administration reads and changes. */
  readonly administration: {
    readonly clients: ClientAdministration
    readonly keys: RotationTools
    readonly webhooks: WebhookAdministration
    readonly audit: Pick<AuditStore, 'find'>
    readonly groups: GroupStore
    readonly permissions: PermissionList
    readonly objectGrants: ObjectGrantStore
    readonly holdings: UserHoldings
  }
  /** Throws where the database does not answer. */
  readonly pingDatabase: () => Promise<void>
  /** Whether the process is about to end: new work belongs elsewhere. */
  readonly isDraining: () => boolean
}
