import type { AdministrationTransaction } from '../../src/auth/administration-store.ts'
import type { Store } from '../../src/store/index.ts'

type Over = Pick<Store, 'administration'>

/** What a test does to somebody past the rules, in the transaction that administration has. Answers whether they are there. */
const change = (
  { administration }: Over,
  userId: string,
  work: (tx: AdministrationTransaction) => Promise<void>
): Promise<boolean> =>
  administration.change(async (tx) => {
    if ((await tx.users.byId(userId)) === undefined) return false
    await work(tx)
    return true
  })

/** Ends all sessions with it, as every way in does. */
export const setActive = (store: Over, userId: string, isActive: boolean, at: number): Promise<boolean> =>
  change(store, userId, (tx) => tx.users.update(userId, { isActive, endSessions: !isActive }, at))

/** @param passwordHash null makes every password fail */
export const setPasswordHash = (
  store: Over,
  userId: string,
  passwordHash: string | null,
  at: number
): Promise<boolean> => change(store, userId, (tx) => tx.users.update(userId, { passwordHash, endSessions: true }, at))

/** Grants permissions to the user directly. */
export const grantPermissions = (
  store: Over,
  userId: string,
  permissions: readonly string[],
  at = 1
): Promise<boolean> => change(store, userId, (tx) => tx.users.grant(userId, permissions, at))

/** Puts the user into groups by name, and makes those that don't exist. */
export const joinGroups = (store: Over, userId: string, names: readonly string[], at: number): Promise<boolean> =>
  change(store, userId, async ({ groups }) => {
    const known = new Map((await groups.byNames(names)).map((group) => [group.name, group]))
    for (const name of new Set(names)) {
      const { id } = known.get(name) ?? (await groups.create(name, at))
      await groups.addMembers(id, [userId], at)
    }
  })
