import type { BackendContext, Identity } from '../../auth/backend.ts'
import type { Directory } from './connections/directory.ts'
import { type Facts, parseExpression } from './expression.ts'
import { type Group, parseGroupSelector } from './group-selector.ts'
import { accountAttributes, createGroups, type Look } from './groups.ts'
import { accountOf, type LdapAccount } from './identity.ts'
import { mirroredNames } from './mirror.ts'
import { type LdapOptions, rememberMsOf } from './options.ts'
import { traceCondition, tracedGroups } from './standing-trace.ts'

/** What an account's groups and attributes make of it here. */
export interface Standing {
  /** The attributes that this needs of an entry. */
  readonly attributes: readonly string[]
  /**
   * The identity as `deny`, `require`, `flags` and `groups.mirror` make it; `undefined` where it is not let in. To be asked
   * after the password only: it tells of an account what nobody else may learn.
   * @throws {LdapFailure} where the groups could not be told; nobody is let in on a guess
   */
  admit(identity: Identity, context: BackendContext, look?: Pick<Look, 'past'>): Promise<Identity | undefined>
  /** Asked once for one account, and past all that is remembered where it was let in so; `undefined` where no groups are configured. */
  groupsOf(account: LdapAccount, context: BackendContext): Promise<readonly Group[] | undefined>
}

/** By the options `require`, `deny`, `flags`, `permissions` and `groups`. */
export const createStanding = (directory: Directory, options: LdapOptions): Standing => {
  const { mirror } = options.groups ?? {}
  const condition = (expression: LdapOptions['require']) => expression && parseExpression(expression)
  const deny = condition(options.deny)
  const require = condition(options.require)
  const superuser = condition(options.flags?.isSuperuser)
  const conditions = [deny, require, superuser].filter((one) => one !== undefined)

  const selectors = [
    ...conditions.flatMap((one) => one.selectors),
    ...Object.keys(options.permissions ?? {}).map(parseGroupSelector)
  ]
  const withIds = selectors.some(({ byId }) => byId)
  const lookUp =
    options.groups && createGroups(directory, options.groups, { withIds, rememberMs: rememberMsOf(options) })
  const needsGroups = conditions.some((one) => one.selectors.length > 0) || (mirror !== undefined && mirror !== false)

  const anew = new WeakSet<LdapAccount>()
  const known = new WeakMap<LdapAccount, Promise<readonly Group[]>>()
  const groupsOf: Standing['groupsOf'] = async (account, context) => {
    if (lookUp === undefined) return undefined
    const asked = known.get(account)
    if (asked !== undefined) return asked
    const found = lookUp(account, { deadline: context, past: anew.has(account) })
    const look = options.groups ? tracedGroups(found, account, options.groups, context) : found
    known.set(account, look)
    look.catch(() => known.delete(account))
    return look
  }

  const isLetIn = async (facts: Facts, context: BackendContext): Promise<boolean> => {
    if (deny) await traceCondition('deny', deny, facts, directory, context)
    if (deny?.holds(facts)) return false
    if (require) await traceCondition('require', require, facts, directory, context)
    return require === undefined || require.holds(facts)
  }

  const isSuperuser = (facts: Facts, { trace }: BackendContext): boolean | undefined => {
    const holds = superuser?.holds(facts)
    const words = holds ? 'a superuser' : 'no superuser'
    if (superuser) trace?.({ step: 'flags', outcome: 'ok', text: `${words}: ${superuser.because(facts)}` })
    return holds
  }

  return {
    attributes: [
      ...conditions.flatMap((one) => one.attributes),
      ...(options.groups ? accountAttributes(options.groups) : [])
    ],
    groupsOf,
    async admit(identity, context, { past } = { past: false }) {
      const account = accountOf(identity)
      if (account && past) anew.add(account)
      if (account === undefined || (conditions.length === 0 && !needsGroups)) return identity
      const groups = needsGroups ? ((await groupsOf(account, context)) ?? []) : []
      const facts = { entry: account.entry, groups }
      if (!(await isLetIn(facts, context))) return undefined
      const mirroredGroups = mirror === undefined ? undefined : mirroredNames(mirror, groups)
      const flag = isSuperuser(facts, context)
      return {
        ...identity,
        ...(flag !== undefined && { isSuperuser: flag }),
        ...(mirroredGroups && { mirroredGroups })
      }
    }
  }
}
