import type { Administration } from '../auth/administration-store.ts'
import type { AuditStore } from '../auth/audit.ts'
import type { Outbox } from '../auth/events.ts'
import type { GroupStore, PermissionList, UserExport, UserHoldings } from '../auth/group-store.ts'
import type { LocalAccounts, MovedAccounts } from '../auth/local-accounts.ts'
import type { ObjectGrantStore, PermissionSearch } from '../auth/object-grant-store.ts'
import type { Log } from '../auth/ports.ts'
import type { PermissionStore, UserStore } from '../auth/user-store.ts'
import type { ClientStore, UsedAssertions } from '../clients/client-store.ts'
import type { KeyStore } from '../tokens/key-store.ts'
import type { SessionStore } from '../tokens/session-store.ts'
import type { DeliveryList, DeliveryQueue } from '../webhooks/delivery-store.ts'
import { createLocalAccounts } from './accounts.ts'
import { createAdministration } from './administration.ts'
import { createAuditStore } from './audit.ts'
import { createClientStore, createUsedAssertions } from './clients.ts'
import { createDeliveryStore } from './deliveries.ts'
import { withoutStatements } from './failures.ts'
import { createGroupStore } from './groups.ts'
import { createKeyStore } from './keys.ts'
import { createMovedAccounts } from './moved.ts'
import { createObjectGrantStore } from './object-grants.ts'
import { createOutbox } from './outbox.ts'
import { createPermissionSearch } from './permission-search.ts'
import { createPermissionStore } from './permissions.ts'
import { createSessionStore } from './sessions.ts'
import { createUserExport } from './user-export.ts'
import { createUserHoldings } from './user-holdings.ts'
import { createUserStore } from './users.ts'

/** Everything that Latchkey keeps. Each method throws `TemporarilyUnavailable` where the database can't answer. */
export interface Store {
  readonly dialect: 'mysql' | 'sqlite'
  readonly users: UserStore
  readonly permissions: PermissionStore & PermissionList
  readonly groups: GroupStore
  readonly administration: Administration
  readonly objectGrants: ObjectGrantStore
  readonly permissionSearch: PermissionSearch
  readonly holdings: UserHoldings
  readonly userExport: UserExport
  readonly keys: KeyStore
  readonly sessions: SessionStore
  readonly accounts: LocalAccounts
  readonly moved: MovedAccounts
  readonly clients: ClientStore
  readonly usedAssertions: UsedAssertions
  readonly audit: AuditStore
  readonly outbox: Outbox
  readonly deliveries: DeliveryQueue & DeliveryList
  /** Answers where the database does. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** Where the store is, and whether opening it brings its tables up to date (it does, unless told otherwise). */
export interface StoreOptions {
  /** `file:data/latchkey.db` or `mysql://user[:password]@host[:port]/database`; the folder of a file must be there. */
  readonly url: string
  /** Goes before the one in the URL. */
  readonly password?: string
  readonly log: Log
  readonly migrate?: boolean
  /** From how many bytes on a SQLite file is mapped into memory when it is opened; none is, unless told. */
  readonly mapFrom?: number
}

const openDatabase = async ({
  url,
  password,
  log,
  migrate = true,
  mapFrom = Number.POSITIVE_INFINITY
}: StoreOptions) => {
  if (url.startsWith('mysql:')) {
    const { openMysql } = await import('./mysql.ts')
    return openMysql({ url, password, log, migrate })
  }
  if (!url.startsWith('file:')) throw new TypeError('a database URL begins with file: or mysql:')
  const { openSqlite } = await import('./sqlite.ts')
  return openSqlite({ url, migrate, mapFrom })
}

/** Opens the database of either dialect; only the driver that is needed is loaded. */
export const openStore = async (options: StoreOptions): Promise<Store> => {
  const db = await openDatabase(options)
  const outbox = createOutbox(db)
  return {
    dialect: options.url.startsWith('mysql:') ? 'mysql' : 'sqlite',
    users: withoutStatements(createUserStore(db, outbox)),
    permissions: withoutStatements(createPermissionStore(db)),
    groups: withoutStatements(createGroupStore(db)),
    administration: withoutStatements(createAdministration(db, outbox)),
    objectGrants: withoutStatements(createObjectGrantStore(db)),
    permissionSearch: withoutStatements(createPermissionSearch(db)),
    holdings: withoutStatements(createUserHoldings(db)),
    userExport: withoutStatements(createUserExport(db)),
    keys: withoutStatements(createKeyStore(db, outbox)),
    sessions: withoutStatements(createSessionStore(db, outbox)),
    accounts: withoutStatements(createLocalAccounts(db)),
    moved: withoutStatements(createMovedAccounts(db)),
    clients: withoutStatements(createClientStore(db)),
    usedAssertions: withoutStatements(createUsedAssertions(db)),
    audit: withoutStatements(createAuditStore(db)),
    outbox,
    deliveries: withoutStatements(createDeliveryStore(db)),
    ping: db.ping,
    close: db.close
  }
}
