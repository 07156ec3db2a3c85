import type { Test } from 'tap'
import type { User } from '../../src/auth/user-store.ts'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { peopleBase, serviceAccount, userPassword } from './ldap-fixtures.ts'

type Claims = ReturnType<typeof claimsOf>

/** A whole service in front of a directory, spoken to as its callers do. */
export interface LdapWorld extends TestLatchkey {
  /** The claims of the token that a login gives, or the code of the error. */
  logIn(username: string, password?: string): Promise<Claims | string>
  /** The user as the store has them after a login. */
  userAfter(username: string): Promise<User>
}

/** The backend `corp` with the usual search; `corp` goes over that. */
export const corpAt = (server: string, corp: object = {}) => ({
  id: 'corp',
  type: 'ldap',
  servers: [server],
  insecure: true,
  bind: serviceAccount,
  users: [{ base: peopleBase, filter: '(uid={username})' }],
  ...corp
})

/** Opens the service with these backends, and without limits; it is closed with the test. */
export async function openLdapWorld(
  t: Test,
  backends: readonly object[],
  more: object = {},
  folder?: string
): Promise<LdapWorld> {
  const quick = { publicClient: true, login: { failureFloor: '1ms' }, limits: { ip: false, account: false } }
  const latchkey = await openTestLatchkey(t, JSON.stringify({ ...quick, ...more, backends }), {}, folder)
  const logIn = async (username: string, password = userPassword): Promise<Claims | string> => {
    const answer = await latchkey.token({ grant_type: 'password', username, password })
    return answer.statusCode === 200 ? claimsOf(answer.json().access_token) : answer.json().error
  }
  return {
    ...latchkey,
    logIn,
    async userAfter(username) {
      const claims = await logIn(username)
      const user = typeof claims === 'string' ? undefined : await latchkey.store.users.byId(String(claims.sub))
      if (user === undefined) throw new Error(`no user for ${username}: ${JSON.stringify(claims)}`)
      return user
    }
  }
}
