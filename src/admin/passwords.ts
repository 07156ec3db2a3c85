import { verdictOnShape } from '../auth/credentials.ts'
import type { PasswordOwner } from '../auth/password-policy.ts'
import type { User } from '../auth/user-store.ts'
import { type Actor, demand } from './actor.ts'
import { invalidField } from './field-errors.ts'
import type { AdminTools, ChangeOptions } from './tools.ts'
import { changeUser } from './turn.ts'

/**
 * Sets the password, or with null takes it away; ends all sessions.
 * @throws {PasswordRefused} it is not taken @throws {InvalidRequest} and as `patchUser` does
 */
export async function setPassword(
  actor: Actor,
  userId: string,
  password: string | null,
  tools: AdminTools,
  options: ChangeOptions = {}
): Promise<User> {
  demand(actor, 'latchkey.change_user')
  const owner = password === null ? undefined : await tools.users.byId(userId)
  const passwordHash = password === null ? null : await hashedPassword(password, owner ?? nobody, tools)
  return changeUser(actor, userId, tools, options, (tx) =>
    tx.users.update(userId, { passwordHash, endSessions: true }, tools.now())
  )
}

/** @throws {PasswordRefused} the policy does not take it @throws {InvalidRequest} nobody can type it */
export async function hashedPassword(password: string, owner: PasswordOwner, tools: AdminTools): Promise<string> {
  await demandPassword(password, owner, tools)
  return tools.hashPassword(password)
}

/** @throws {PasswordRefused} the policy does not take it @throws {InvalidRequest} nobody can type it */
export async function demandPassword(
  password: string,
  owner: PasswordOwner,
  { passwordPolicy }: Pick<AdminTools, 'passwordPolicy'>
): Promise<void> {
  const verdict = verdictOnShape({ kind: 'password', username: 'somebody', password })
  if (verdict) throw invalidField('password', 'it is empty, too long or holds characters that nobody types')
  await passwordPolicy.demand(password, owner)
}

/** Who is not there has no name; that they are not is told in the turn. */
const nobody: PasswordOwner = { email: '', attributes: {} }
