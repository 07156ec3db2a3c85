import { InvalidGrant, TemporarilyUnavailable } from '../errors.ts'
import type { Along } from './audit.ts'
import type { Chain, Link } from './link.ts'
import { isSame, type Login, recordOf, recordWithoutEmail } from './login-record.ts'
import { isLoggedOut, type LoginRecord, type User, type UserStore } from './user-store.ts'

/** What writing a login down needs. */
export interface WritingTools {
  readonly store: Pick<UserStore, 'byId' | 'loginWrite'>
  readonly chain: Chain
}

/** How often a login is put together anew where others change its user all the time. */
export const tries = 5

/** Others change the user faster than a login can follow. */
export const overtaken = (): TemporarilyUnavailable =>
  new TemporarilyUnavailable('a user could not be written for others that write the same')

/** The user was deleted while the login went on. */
export const userGone = (): InvalidGrant => new InvalidGrant('the user is gone', { reason: 'user-gone' })

/** @throws {InvalidGrant} the user may not log in, and the backend does not say otherwise */
export function refuseInactive(user: User, backend: Link): void {
  if (user.isActive || backend.backend.allowsInactive) return
  throw new InvalidGrant('the user is inactive', { reason: 'inactive' })
}

/**
 * What was verified may be the password of before: whoever was logged out meanwhile logs in anew.
 * @throws {InvalidGrant} that is so
 */
export function refuseLoggedOut(user: User, { began }: Login): void {
  const session = '' // none has begun that could be spared
  if (began !== undefined && isLoggedOut(user, began, session)) throw loggedOut()
}

const loggedOut = (): InvalidGrant =>
  new InvalidGrant('the user was logged out while logging in', { reason: 'logged-out' })

/**
 * Whom a login belongs to, as administration has left them.
 * @throws {InvalidGrant} the user is gone, may not log in, or no longer has the identity
 */
export async function readAnew(id: string, login: Login, { store }: Pick<WritingTools, 'store'>): Promise<User> {
  const user = await store.byId(id)
  if (!user) throw userGone()
  refuseInactive(user, login.backend)
  refuseLoggedOut(user, login)
  // whose identity is taken away is logged out
  if (!user.identities.some((seen) => isSame(seen, login))) throw loggedOut()
  return user
}

/**
 * A login as it goes along with its event. Where administration changed the user since, it is put together anew from what
 * is there now, so that it overwrites nothing.
 */
export function writingOf(record: LoginRecord, login: Login, tools: WritingTools, left = tries): Along {
  return {
    write: tools.store.loginWrite(record),
    async refused() {
      const now = await readAnew(record.userId, login, tools)
      if (left === 0) throw overtaken()
      // an address could be somebody else's: the next login brings it
      const anew = recordWithoutEmail(recordOf(now, login, tools.chain), now)
      return writingOf(anew, login, tools, left - 1)
    }
  }
}
