import { randomBytes } from 'node:crypto'
import type { Passwords } from './auth/ports.ts'
import type { UserStore } from './auth/user-store.ts'

/** The administrator of an empty database, with the password that is shown this once. */
export interface FirstAdministrator {
  readonly id: string
  readonly email: string
  readonly password: string
}

const email = 'admin@localhost'

/** Creates a superuser with a random password where there is no user at all; of two processes at once, one does. */
export async function createFirstAdministrator(
  users: UserStore,
  passwords: Passwords
): Promise<FirstAdministrator | undefined> {
  if ((await users.count()) > 0) return undefined
  const password = randomBytes(18).toString('base64url')
  const created = await users.create({
    email,
    emailVouched: true,
    attributes: {},
    ownAttributes: {},
    isSuperuser: true,
    passwordHash: await passwords.hash(password),
    lastLoginAt: null,
    at: Date.now()
  })
  return created === 'taken' ? undefined : { id: created.id, email, password }
}
