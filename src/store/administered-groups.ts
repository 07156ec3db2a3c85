import type { SQL } from 'drizzle-orm'
import type { AdministeredGroups } from '../auth/administration-store.ts'
import { ownOrigin } from '../auth/group-store.ts'
import { newId } from '../new-id.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { registerGranted } from './granted-names.ts'
import { withPermissions } from './groups.ts'
import { insertMany } from './insert-many.ts'
import type { Queries } from './kit.ts'
import type { Told } from './outbox.ts'

const { and, eq, exists, inArray, notInArray, sql } = orm

/** The groups within a transaction. */
export const administeredGroups = (db: Database, queries: Queries, told: Told): AdministeredGroups => {
  const { users, groups, groupPermissions, permissions, userGroups, groupObjectGrants } = db.tables
  const changed = async (groupId: string, change: { name?: string }, at: number): Promise<void> => {
    const counted = { ...change, updatedAt: at, version: sql`${groups.version} + 1` }
    await queries.update(groups).set(counted).where(eq(groups.id, groupId))
  }
  const countUp = async (userIds: readonly string[], at: number): Promise<void> => {
    const counted = { updatedAt: at, version: sql`${users.version} + 1` }
    await queries
      .update(users)
      .set(counted)
      .where(inArray(users.id, [...userIds]))
    for (const userId of userIds) told.changed(userId, ['groups'])
  }
  const leave = async (these: SQL | undefined, at: number): Promise<readonly string[]> => {
    const found = await queries.selectDistinct({ id: userGroups.userId }).from(userGroups).where(these)
    const leaving = found.map(({ id }) => id)
    if (leaving.length === 0) return []
    await queries.delete(userGroups).where(these)
    await countUp(leaving, at)
    return leaving
  }

  return {
    async byId(id) {
      const rows = await queries.select().from(groups).where(eq(groups.id, id))
      const [group] = await withPermissions(db, queries, rows)
      return group?.id === id ? group : undefined
    },
    async byNames(names) {
      if (names.length === 0) return []
      const rows = await queries
        .select()
        .from(groups)
        .where(inArray(groups.name, [...names]))
      return withPermissions(db, queries, rows)
    },
    async grantedOnObjects(groupId) {
      // by name, of which there are few: a group may have a grant on each of a million objects
      const one = queries
        .select({ n: sql`1` })
        .from(groupObjectGrants)
        .where(and(eq(groupObjectGrants.permission, permissions.name), eq(groupObjectGrants.groupId, groupId)))
      const rows = await queries.select({ name: permissions.name }).from(permissions).where(exists(one))
      return rows.map(({ name }) => name)
    },
    async objectGrants(groupId, limit) {
      const rows = await queries
        .select()
        .from(groupObjectGrants)
        .where(eq(groupObjectGrants.groupId, groupId))
        .limit(limit)
      return rows.map(({ permission, objectType: type, objectId: id }) => ({ permission, object: { type, id } }))
    },
    async grantOnObjects(groupId, grants) {
      await registerGranted(db, queries, [...new Set(grants.map(({ permission }) => permission))])
      const rows = grants.map(({ permission, object }) => ({
        ...{ groupId, permission, objectType: object.type, objectId: object.id }
      }))
      await insertMany(queries, groupObjectGrants, rows)
    },
    membershipsOf: (userId) =>
      queries
        .select({ name: groups.name, origin: userGroups.origin })
        .from(userGroups)
        .innerJoin(groups, eq(groups.id, userGroups.groupId))
        .where(eq(userGroups.userId, userId)),
    async create(name, at) {
      const row = { id: newId(), name, createdAt: at, updatedAt: at, version: 0 }
      await queries.insert(groups).values(row)
      return { ...row, permissions: [] }
    },
    rename: (groupId, name, at) => changed(groupId, { name }, at),
    async delete(groupId) {
      await queries.delete(groups).where(eq(groups.id, groupId))
    },

    async setPermissions(groupId, names, at) {
      await changed(groupId, {}, at)
      await queries.delete(groupPermissions).where(eq(groupPermissions.groupId, groupId))
      if (names.length === 0) return
      await registerGranted(db, queries, names)
      const carried = [...new Set(names)].map((permission) => ({ groupId, permission }))
      await queries.insert(groupPermissions).values(carried)
    },

    async addMembers(groupId, userIds, at) {
      if (userIds.length === 0) return []
      const found = await queries
        .select({ id: users.id })
        .from(users)
        .where(inArray(users.id, [...userIds]))
      const known = found.map(({ id }) => id)
      if (known.length === 0) return []
      const rows = known.map((userId) => ({ userId, groupId, origin: ownOrigin }))
      await db.insertMissing(queries, userGroups, rows)
      await countUp(known, at)
      return known
    },
    async removeMembers(groupId, userIds, staying, at) {
      if (userIds.length === 0) return []
      const others = staying.length === 0 ? undefined : notInArray(userGroups.origin, [...staying])
      return leave(and(eq(userGroups.groupId, groupId), inArray(userGroups.userId, [...userIds]), others), at)
    },
    async leaveAll(userId, origin, at) {
      await leave(and(eq(userGroups.userId, userId), eq(userGroups.origin, origin)), at)
    }
  }
}
