import type {
  AuthenticateContext,
  Backend,
  BackendContext,
  Credentials,
  IdentityAnswer,
  MoveToLocal,
  PasswordCredentials,
  PermissionAnswer,
  PermissionRequest,
  Verdict
} from '../../auth/backend.ts'
import type { BackendTools } from '../../auth/define-backend.ts'
import { isPermissionName } from '../../auth/names.ts'
import { BackendUnavailable } from '../../errors.ts'
import { readHash } from '../../passwords/formats/index.ts'
import { accountOf, rowReader, type SqlAccount, textOf } from './account.ts'
import { type Row, SqlFailure } from './database.ts'
import { readOptions, type SqlOptions } from './options.ts'
import { createSource } from './source.ts'

/** How long the statements may take when they are tried at start. */
const startMs = 5000

/** Opens the backend. The statements are tried at once, and nobody waits for that: a database may be down. */
export const openSql = (
  id: string,
  options: SqlOptions,
  { log, baseFolder, userFields = [], moved }: BackendTools
): Backend => {
  const { place, statements } = readOptions(options, baseFolder)
  const source = createSource(place, statements)
  const weak = options.weak === true
  const readRow = rowReader(userFields, options.attributes)
  const accountsOf = (rows: readonly Row[]): SqlAccount[] => rows.map((row) => accountOf(row, readRow))

  /** Its password here may be an old one: `local` has a newer. */
  const hasMoved = async ({ identity: { subject } }: SqlAccount, { trace }: BackendContext): Promise<boolean> => {
    if (moved === undefined || !(await moved.has(id, subject))) return false
    trace?.({ step: 'moved', outcome: 'note', text: 'the account has moved to the service’s own: `local` has it' })
    return true
  }

  const found = async (username: string, context: BackendContext): Promise<SqlAccount | 'none' | 'several'> => {
    const { rows } = await source.ask('user', { username }, context)
    const [account, another] = accountsOf(rows).filter((each) => isNamed(each, username))
    if (another) return 'several'
    return account && hasPassword(account, weak) && !(await hasMoved(account, context)) ? account : 'none'
  }

  const moveOf = ({ username }: SqlAccount, typed: PasswordCredentials): { readonly move?: MoveToLocal } =>
    options.migrate
      ? { move: { loginNames: username === undefined ? [typed.username] : [username, typed.username] } }
      : {}

  const authenticate = async (credentials: PasswordCredentials, context: AuthenticateContext): Promise<Verdict> => {
    const account = await found(credentials.username, context)
    if (account === 'none') return { outcome: 'unknown' }
    if (account === 'several') return { outcome: 'rejected', reason: 'ambiguous' }
    const { identity, passwordHash = '', isActive } = account
    await context.found(identity.subject)
    const matches = await context.verifyPassword(passwordHash, credentials.password, { weak })
    if (!matches) return { outcome: 'rejected', reason: 'wrong-password' }
    if (!isActive) return { outcome: 'denied', reason: 'disabled' }
    return { outcome: 'accepted', identity, ...moveOf(account, credentials) }
  }

  const lookUp = async (username: string, context: BackendContext): Promise<Verdict> => {
    const account = await found(username, context)
    if (account === 'none') return { outcome: 'unknown' }
    if (account === 'several') return { outcome: 'rejected', reason: 'ambiguous' }
    if (!account.isActive) return { outcome: 'denied', reason: 'disabled' }
    return { outcome: 'accepted', identity: account.identity }
  }

  const identity = async (subject: string, context: BackendContext): Promise<IdentityAnswer> => {
    const { rows } = await source.ask('identity', { subject }, context)
    // MySQL finds 5 for '5x': what it found is compared again.
    const [account, another] = accountsOf(rows).filter((each) => each.identity.subject === subject)
    if (another) throw new SqlFailure('protocol', 'several rows have the same subject')
    if (!account) return { state: 'gone' }
    return account.isActive
      ? { state: 'present', identity: account.identity }
      : { state: 'disabled', reason: 'disabled' }
  }

  const permissions = async (asked: PermissionRequest, context: BackendContext): Promise<PermissionAnswer> => {
    const { subject, object } = asked
    if (subject === null) return { grants: [] }
    if (statements.identity && !asked.identity && (await identity(subject, context)).state !== 'present') {
      return { grants: [], known: false }
    }
    const values = { subject, objectType: object?.type ?? null, objectId: object?.id ?? null }
    const granted = await source.ask('permissions', values, context)
    const joined = await source.ask('groups', values, context)
    const names = namesOf(granted.rows, 'permission', isPermissionName)
    const groups = namesOf(joined.rows, 'group', isGroupName)
    if (names.refused + groups.refused > 0) {
      const fields = {
        event: 'names_refused',
        backend: id,
        subject,
        permissions: names.refused,
        groups: groups.refused
      }
      log.warn(fields, 'names of permissions or groups that are none were left out')
    }
    return {
      grants: names.taken.map((permission) => ({ permission, origin: 'sql permissions' })),
      groups: groups.taken
    }
  }

  /** What the database could not tell becomes the word that the chain knows; all else passes. */
  const answered =
    <Arguments extends unknown[], T>(ask: (...args: Arguments) => Promise<T>) =>
    async (...args: Arguments): Promise<T> => {
      try {
        return await ask(...args)
      } catch (error) {
        throw error instanceof SqlFailure ? new BackendUnavailable(id, { reason: error.reason, cause: error }) : error
      }
    }

  source.check({ remainingMs: () => startMs }).catch((err: unknown) => {
    log.warn({ err, backend: id }, 'backend does not answer as it should')
  })

  return {
    takes: ['password'],
    authenticate: answered(async (credentials: Credentials, context: AuthenticateContext) =>
      credentials.kind === 'password' ? authenticate(credentials, context) : { outcome: 'unknown' }
    ),
    lookUp: answered(lookUp),
    ...(statements.identity && { identity: answered(identity) }),
    ...((statements.identity ?? statements.permissions ?? statements.groups) && {
      permissions: answered(permissions)
    }),
    probe: answered((context: BackendContext) => source.check(context)),
    close: source.close
  }
}

/** A hash that says that no password is set is none. */
function hasPassword({ passwordHash }: SqlAccount, weak: boolean): boolean {
  if (passwordHash === undefined) return false
  const reading = readHash(passwordHash, { weak })
  return !('unusable' in reading) || reading.unusable !== 'none'
}

/**
 * Whether a row is really meant: MySQL's collations find jose for josé. Judged where the row tells its `username`; that, or its
 * e-mail, is what was typed, but for case, width and outer space.
 */
function isNamed({ username, identity }: SqlAccount, typed: string): boolean {
  if (username === undefined) return true
  return [username, ...identity.emails].some((name) => folded(name) === folded(typed))
}

const folded = (name: string): string => name.normalize('NFKC').trim().toLowerCase()

/** The names in a column, and how many of its values are none: what a token can't hold as one name must not become two. */
function namesOf(rows: readonly Row[], column: string, isName: (text: string) => boolean) {
  const all = columnOf(rows, column)
  const taken = all.filter(isName)
  return { taken, refused: all.length - taken.length }
}

const isGroupName = (text: string): boolean => /^[^\p{Cc}\p{Cs}\ufffd]{1,255}$/u.test(text)

const columnOf = (rows: readonly Row[], name: string): string[] => [
  ...new Set(
    rows.flatMap((row) =>
      Object.entries(row).flatMap(([column, value]) => (column.toLowerCase() === name ? (textOf(value) ?? []) : []))
    )
  )
]
