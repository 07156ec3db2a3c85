import type { Command } from 'commander'
import type { Along, AuditDetails, AuditMetrics, EndedAct } from '../auth/audit.ts'
import { canonicalEmail } from '../auth/email.ts'
import { isPermissionName } from '../auth/names.ts'
import type { Log } from '../auth/ports.ts'
import type { User } from '../auth/user-store.ts'
import { Refusal, TemporarilyUnavailable } from '../errors.ts'
import type { Store } from '../store/index.ts'
import { Refused } from './refused.ts'

/** Commands that change nothing of anybody's. All others are acts of administration, those that nobody has thought of yet, too. */
export const looks = ['audit', 'check', 'dead', 'explain', 'export', 'grants', 'list', 'migrate', 'show']

const uncounted: AuditMetrics = { audited() {}, unaudited() {} }

/** Writes down that a command succeeds, with what is written in the same commit: at most once, and it goes on to succeed. */
export type RecordSuccess = (along: readonly Along[]) => Promise<void>

/**
 * Does what a command at the console does, and writes it down, however it ends: what is refused half-way may be done in
 * part. It is named by the command itself: `users.create`.
 * @throws {TemporarilyUnavailable} it was done, and could not be written down; and whatever `work` throws
 */
export async function asConsole<Result>(
  command: Command,
  { store, log }: { readonly store: Store; readonly log: Log },
  work: (recordSuccess: RecordSuccess) => Promise<Result>
): Promise<Result> {
  if (looks.includes(command.name()) || command.opts().dryRun === true) return work(async () => {})
  const before = await userNamed(command, store)
  let isRecorded = false
  const record = async (ending: Pick<EndedAct, 'outcome' | 'reason'>, along: readonly Along[] = []): Promise<void> => {
    if (isRecorded) return
    const { createAudit } = await import('../audit/audit.ts')
    const audit = createAudit({ store: store.audit, metrics: uncounted, refusalsPerMinute: 1 })
    await audit.record({ ...ending, ...actOf(command, before ?? (await userNamed(command, store))) }, log, along)
    isRecorded = true
  }
  let result: Result
  try {
    result = await work((along) => record({ outcome: 'success' }, along))
  } catch (error) {
    await record(endingOf(error)).catch(() => {})
    throw error
  }
  await record({ outcome: 'success' })
  return result
}

function actOf(command: Command, user: User | undefined): Omit<EndedAct, 'outcome'> {
  const target = withoutCredentials(command.args[0])
  return {
    ...{ kind: 'administration', actor: 'console', action: pathOf(command).join('.') },
    ...(user ? { user: user.id } : target === undefined ? {} : { target }),
    details: { ...chosen(command), ...granted(command) }
  }
}

function endingOf(error: unknown): Pick<EndedAct, 'outcome' | 'reason'> & { readonly reason: string } {
  if (error instanceof TemporarilyUnavailable) return { outcome: 'unavailable', reason: error.code }
  if (error instanceof Refusal) return { outcome: 'refused', reason: error.code }
  return error instanceof Refused
    ? { outcome: 'refused', reason: 'refused' }
    : { outcome: 'failed', reason: 'server_error' }
}

/** A database's URL may hold a password. */
const withoutCredentials = (text: string | undefined): string | undefined => text?.replace(/:\/\/.*@/s, '://')

/** Its names below the program's. */
function pathOf(command: Command): string[] {
  const { parent } = command
  return parent === null ? [] : [...pathOf(parent), command.name()]
}

/** The user whom the command is about, if any. */
async function userNamed(command: Command, { users }: Store): Promise<User | undefined> {
  const name = command.opts<{ user?: unknown }>().user ?? command.args[0]
  if (typeof name !== 'string') return undefined
  const email = canonicalEmail(name)
  return email === undefined ? users.byId(name.toLowerCase()) : users.byEmail(email)
}

/** What is granted to somebody, or taken away, and on which object. */
function granted(command: Command): AuditDetails {
  const isOfHolder = ['users', 'groups'].includes(command.parent?.name() ?? '')
  if (!isOfHolder || !['grant', 'revoke'].includes(command.name())) return {}
  const { object } = command.opts<{ object?: string }>()
  const permissions = command.args.slice(1).filter(isPermissionName)
  return { permissions, ...(object !== undefined && { object }) }
}

/** What was switched on, and lists of names. Other texts stay out: nobody knows what they are. */
function chosen(command: Command): AuditDetails {
  const { json: _json, passwordStdin: _stdin, ...options } = command.opts<Record<string, unknown>>()
  const isNames = (value: unknown): boolean =>
    Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string')
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value === true || isNames(value))
  ) as AuditDetails
}
