import type { UserStore } from '../auth/user-store.ts'
import { newId } from '../new-id.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { gather, type StoreOutbox } from './outbox.ts'

const { and, eq, inArray, sql } = orm

/** The part of the users' port that is about groups. Names are compared as bytes by both dialects. */
export const createUserGroups = (
  db: Database,
  outbox: StoreOutbox
): Pick<UserStore, 'mirrorGroups' | 'groupPermissions'> => {
  const { groups, groupPermissions, userGroups } = db.tables

  /** The ids of groups by name; those that don't exist are made. */
  const groupsNamed = async (names: readonly string[], at: number): Promise<readonly string[]> => {
    const named = () =>
      db.queries
        .select()
        .from(groups)
        .where(inArray(groups.name, [...names]))
    const found = await named()
    const known = new Set(found.map(({ name }) => name))
    const made = names.filter((name) => !known.has(name))
    if (made.length === 0) return found.map(({ id }) => id)
    const rows = made.map((name) => ({ id: newId(), name, createdAt: at, updatedAt: at }))
    await db.insertMissing(db.queries, groups, rows)
    return (await named()).map(({ id }) => id)
  }

  const tellOfGroups = async (userId: string): Promise<void> => {
    const told = gather(outbox, db.tables)
    told.changed(userId, ['groups'])
    await told.flush(db.queries)
  }

  const join = async (userId: string, ids: readonly string[], origin: string): Promise<void> => {
    const rows = ids.map((groupId) => ({ userId, groupId, origin }))
    await db.insertMissing(db.queries, userGroups, rows)
  }

  const mirrored = db.queries
    .select({ id: groups.id, name: groups.name })
    .from(userGroups)
    .innerJoin(groups, eq(groups.id, userGroups.groupId))
    .where(and(eq(userGroups.userId, sql.placeholder('userId')), eq(userGroups.origin, sql.placeholder('origin'))))
    .prepare()

  return {
    async mirrorGroups(userId, origin, names, at) {
      const before = await mirrored.execute({ userId, origin })
      const known = new Set(before.map(({ name }) => name))
      const wanted = new Set(names)
      const joined = [...wanted].filter((name) => !known.has(name))
      const left = before.filter(({ name }) => !wanted.has(name))
      // told before it is done: after a crash in between, the next login does both once more
      if (joined.length + left.length > 0) await tellOfGroups(userId)
      if (joined.length > 0) await join(userId, await groupsNamed(joined, at), origin)
      if (left.length > 0) {
        const ids = left.map(({ id }) => id)
        await db.queries
          .delete(userGroups)
          .where(and(eq(userGroups.userId, userId), eq(userGroups.origin, origin), inArray(userGroups.groupId, ids)))
      }
      return { joined, left: left.map(({ name }) => name) }
    },

    async groupPermissions(names) {
      if (names.length === 0) return []
      const rows = await db.queries
        .select({ permission: groupPermissions.permission, group: groups.name })
        .from(groups)
        .innerJoin(groupPermissions, eq(groupPermissions.groupId, groups.id))
        .where(inArray(groups.name, [...names]))
      return rows.map(({ permission, group }) => ({ permission, origin: `group ${group}` }))
    }
  }
}
