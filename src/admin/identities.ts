import { localType, mergeAttributes } from '../auth/attributes.ts'
import { originOf } from '../auth/mirroring.ts'
import type { User } from '../auth/user-store.ts'
import { AlreadyExists, GrantRefused, NotFound } from '../errors.ts'
import { type Actor, demand, mayEverything } from './actor.ts'
import { invalidField } from './field-errors.ts'
import { isPlainText } from './names.ts'
import type { AdminTools, ChangeOptions } from './tools.ts'
import { changeUser } from './turn.ts'

/** Which account of which backend. */
export interface IdentityKey {
  readonly backend: string
  readonly subject: string
}

/**
 * Says that an account of a backend is this user's: whoever logs in with it becomes this user, with all that it brings, now
 * and later, which nobody can tell beforehand; so only those say it who may do everything.
 * @throws {AlreadyExists} somebody has it @throws {InvalidRequest} there is no such backend, or that is no subject
 * @throws {GrantRefused} {NotFound} {InsufficientScope} {PreconditionFailed}
 */
export async function linkIdentity(
  actor: Actor,
  userId: string,
  { backend, subject, username = subject }: IdentityKey & { readonly username?: string },
  tools: AdminTools,
  options: ChangeOptions = {}
): Promise<User> {
  demand(actor, 'latchkey.change_user')
  if (!mayEverything(actor)) throw new GrantRefused('Only a superuser says whose account it is')
  const type = tools.chain.find(({ id }) => id === backend)?.type
  if (type === undefined) throw invalidField('backend', 'there is none of that id')
  if (!isPlainText(subject, 255)) throw invalidField('subject', 'expected text of 255 bytes at most')
  if (type === localType && subject !== userId) throw invalidField('subject', 'a local account is that of its own user')
  if (!isPlainText(username, 1024)) throw invalidField('username', 'expected text of 1024 bytes at most')
  return changeUser(actor, userId, tools, options, async (tx) => {
    const at = tools.now()
    await tx.users.link(userId, { backend, subject, username, attributes: {}, isSuperuser: false, lastSeenAt: at }, at)
  }).catch((error) => {
    throw error instanceof AlreadyExists ? new AlreadyExists('A user has this identity already', error.cause) : error
  })
}

/** Takes an account of a backend from a user, with what it brought, and ends all sessions. @throws {NotFound} and as above */
export async function unlinkIdentity(
  actor: Actor,
  userId: string,
  { backend, subject }: IdentityKey,
  tools: AdminTools,
  options: ChangeOptions = {}
): Promise<User> {
  demand(actor, 'latchkey.change_user')
  return changeUser(actor, userId, tools, options, async (tx, user) => {
    const left = user.identities.filter((seen) => seen.backend !== backend || seen.subject !== subject)
    if (left.length === user.identities.length) throw new NotFound('The user has no such identity')
    const at = tools.now()
    await tx.users.unlink(userId, { backend, subject }, at)
    const hasAnother = left.some((seen) => seen.backend === backend)
    if (!hasAnother) await tx.groups.leaveAll(userId, originOf({ id: backend }), at)
    await tx.users.update(userId, { attributes: mergeAttributes(tools.chain, left, user.ownAttributes) }, at)
  })
}
