import { InvalidGrant } from '../errors.ts'
import type { BackendContext, Identity } from './backend.ts'
import { emailOf } from './email.ts'
import { everyPage } from './every-page.ts'
import type { Link } from './link.ts'
import { isSuperuser } from './permissions.ts'
import type { User, UserStore } from './user-store.ts'
import { recordLogin, type UserTools } from './users.ts'

/** What a sync did, or with `dryRun` would do. */
export interface SyncReport {
  readonly seen: number
  readonly created: number
  readonly joined: number
  /** Accounts that a login would refuse too, each with the reason that the log has. */
  readonly refused: readonly { readonly subject: string; readonly username: string; readonly reason: string }[]
  /** E-mails of users whose account is gone. */
  readonly deactivated: readonly string[]
  /** Users whose account is gone, and who stay active for they have another identity or a password of ours. */
  readonly kept: readonly string[]
  /** Users whose account is gone, and who stay active for nobody else would be an active superuser. */
  readonly lastSuperusers: readonly string[]
}

/** More users would be deactivated than a run may, or the source told of nobody: nobody was. */
export class MassChange extends Error {
  constructor(vanished: number, known: number) {
    super(`${vanished} of ${known} users are not in the directory any more: nobody was deactivated`)
    this.name = 'MassChange'
  }
}

/** What a sync needs. */
export interface SyncTools extends Omit<UserTools, 'store'> {
  readonly store: UserStore
  readonly context: BackendContext
  /** Lets somebody in no longer; `last-superuser`, with nothing done, where nobody else would be an active superuser. */
  deactivate(userId: string): Promise<'deactivated' | 'last-superuser'>
  /** Epoch milliseconds. */
  now(): number
}

/** How far a sync may go. */
export interface SyncOptions {
  readonly dryRun: boolean
  /** The part of the known users that may vanish at once, 0 to 1. */
  readonly maxChange: number
  /** Called after each account. @param known how many this backend's users were before */
  readonly onProgress?: (done: number, known: number) => void
}

/** So many are written at once. */
const width = 16
const leaveAtOnce = 100

/**
 * Brings everybody whom a backend knows into our table in advance, by the rules of a login, and then deactivates those
 * whose account is gone. An error on the way ends it before anybody is deactivated; a second run finds what the first one
 * did and goes on from there.
 * @throws {MassChange} @throws {BackendUnavailable} @throws {TemporarilyUnavailable}
 */
export async function syncUsers(link: Link, tools: SyncTools, options: SyncOptions): Promise<SyncReport> {
  const known = await usersOf(link.id, tools.store)
  const provisioned = await provision(link, known, tools, options)
  const vanished = [...known].filter(([subject, { isActive }]) => isActive && !provisioned.subjects.has(subject))
  const gone = await confirmed(link, vanished, tools)
  const isLone = (user: User) => user.identities.every(({ backend }) => backend === link.id) && !user.hasPassword
  const leaving = gone.filter(isLone)
  const isTooMuch = leaving.length > Math.max(0, options.maxChange * known.size)
  if (leaving.length > 0 && (isTooMuch || provisioned.subjects.size === 0)) {
    throw new MassChange(leaving.length, known.size)
  }
  const spared = options.dryRun ? await lastSuperusers(leaving, tools) : await deactivate(leaving, link, tools)
  return {
    ...provisioned.report,
    deactivated: leaving.filter((user) => !spared.includes(user)).map(({ email }) => email),
    kept: gone.filter((user) => !isLone(user)).map(({ email }) => email),
    lastSuperusers: spared.map(({ email }) => email)
  }
}

/**
 * Each waits for the end of the second in which their tokens were good, so all do at once; superusers one by one, for one
 * of them may have to stay.
 * @returns those who stay
 */
async function deactivate(leaving: readonly User[], link: Link, tools: SyncTools): Promise<User[]> {
  const spared: User[] = []
  const leave = async (user: User): Promise<void> => {
    const about = { user: user.id, backend: link.id }
    if ((await tools.deactivate(user.id)) === 'last-superuser') {
      spared.push(user)
      tools.log.warn({ event: 'last_superuser_kept', ...about, reason: 'gone' }, 'the last active superuser stays')
    } else tools.log.info({ event: 'user_deactivated', ...about, reason: 'gone' }, 'user deactivated')
  }
  const [powerful = [], others = []] = [true, false].map((wanted) =>
    leaving.filter((user) => isSuperuser(tools.chain, user) === wanted)
  )
  await atOnce(others, leave, leaveAtOnce)
  for (const user of powerful) await leave(user)
  return spared
}

/** Who would stay: the last to leave of the superusers, if none is among those who stay anyway. */
async function lastSuperusers(leaving: readonly User[], { chain, store }: SyncTools): Promise<User[]> {
  const last = leaving.filter((user) => isSuperuser(chain, user)).at(-1)
  if (last === undefined) return []
  const ids = new Set(leaving.map(({ id }) => id))
  const superusers = everyPage((from) => store.list({ isSuperuser: true, isActive: true, limit: 1000, ...from }))
  for await (const page of superusers) if (page.some((user) => !ids.has(user.id) && isSuperuser(chain, user))) return []
  return [last]
}

/** Everybody with an identity at this backend, by its subject. */
async function usersOf(backend: string, store: UserStore): Promise<Map<string, User>> {
  const found = new Map<string, User>()
  for await (const users of everyPage((from) => store.list({ limit: 1000, ...from })))
    for (const user of users)
      for (const identity of user.identities) if (identity.backend === backend) found.set(identity.subject, user)
  return found
}

async function provision(link: Link, known: ReadonlyMap<string, User>, tools: SyncTools, options: SyncOptions) {
  const subjects = new Set<string>()
  const refused: Array<SyncReport['refused'][number]> = []
  const store = options.dryRun ? unwritten(tools.store) : tools.store
  let created = 0
  let joined = 0
  const bring = async (identity: Identity): Promise<void> => {
    try {
      const email = emailOf(identity, link)
      const holder = known.get(identity.subject) ?? (await store.byEmail(email.value))
      await recordLogin({ email, identity, backend: link, at: tools.now(), isLogin: false }, { ...tools, store })
      if (!known.has(identity.subject)) holder ? joined++ : created++
    } catch (error) {
      if (!(error instanceof InvalidGrant)) throw error
      refused.push({ subject: identity.subject, username: identity.username, reason: String(error.cause) })
    }
  }
  await atOnce(link.backend.identities?.(tools.context) ?? nobody(), async (identity) => {
    subjects.add(identity.subject)
    await bring(identity)
    options.onProgress?.(subjects.size, known.size)
  })
  return { subjects, report: { seen: subjects.size, created, joined, refused } }
}

async function* nobody(): AsyncGenerator<Identity> {}

/** Those whom the backend, asked once more by the subject, calls gone; whom it cannot tell of ends the run. */
async function confirmed(
  link: Link,
  vanished: readonly (readonly [string, User])[],
  tools: SyncTools
): Promise<User[]> {
  const gone: User[] = []
  for (const [subject, user] of vanished) {
    const answer = await link.backend.identity?.(subject, tools.context)
    if (answer?.state === 'gone') gone.push(user)
  }
  return gone
}

/** Works on some items at once, and ends with the first error once nothing runs any more. */
async function atOnce<T>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<void>,
  most = width
): Promise<void> {
  const running = new Set<Promise<void>>()
  try {
    for await (const item of items) {
      const one: Promise<void> = work(item).finally(() => running.delete(one))
      one.catch(() => undefined)
      running.add(one)
      if (running.size >= most) await Promise.race(running)
    }
    await Promise.all(running)
  } finally {
    await Promise.allSettled(running)
  }
}

/** The store as it is, to which nothing is written although everything seems to work. */
function unwritten(store: UserStore): UserStore {
  return {
    ...store,
    create: async ({ at, passwordHash, isSuperuser, ...user }, identity) => ({
      ...user,
      id: '',
      isActive: true,
      isSuperuser,
      ownSuperuser: isSuperuser,
      hasPassword: passwordHash !== null,
      identities: identity === undefined ? [] : [identity],
      createdAt: at,
      tokensValidFrom: 0,
      sparedSession: null,
      version: 0,
      updatedAt: at
    }),
    link: async () => 'linked',
    recordLogin: async () => 'recorded',
    mirrorGroups: async () => ({ joined: [], left: [] })
  }
}
