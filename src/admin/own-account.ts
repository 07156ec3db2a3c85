import type { User } from '../auth/user-store.ts'
import { GrantRefused } from '../errors.ts'
import { atConsole } from './actor.ts'
import { type AttributeChange, changedAttributes } from './fields.ts'
import type { AdminTools, ChangeOptions } from './tools.ts'
import { changeUser } from './turn.ts'

/** What changing oneself needs. */
export interface OwnAccountTools {
  readonly admin: AdminTools
  /** Names of fields that are an administrator's to set: they go into tokens, or say who somebody is elsewhere. */
  readonly fixed: readonly string[]
}

/**
 * Changes what somebody may change of themselves: fields that no backend owns and that nothing else hangs on.
 * @throws {FieldReadOnly} a backend owns one @throws {GrantRefused} {InvalidRequest} {NotFound} {PreconditionFailed}
 */
export async function changeOwnFields(
  userId: string,
  change: AttributeChange,
  { admin, fixed }: OwnAccountTools,
  options: ChangeOptions = {}
): Promise<User> {
  // nobody's rights are touched, so that the rules on who may change whom have no say
  return changeUser(atConsole, userId, admin, options, async (tx, user) => {
    const changed = Object.keys(change).filter((name) => (user.attributes[name] ?? null) !== change[name])
    const values = changedAttributes(user, change, admin)
    const refused = changed.find((name) => fixed.includes(name))
    if (refused !== undefined) throw new GrantRefused(`${refused} is set by an administrator`)
    if (changed.length > 0) await tx.users.update(userId, values, admin.now())
  })
}
