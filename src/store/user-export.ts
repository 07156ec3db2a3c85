import { ownOrigin, type UserExport } from '../auth/group-store.ts'
import type { GrantOnObject } from '../auth/object-grant-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'

const { and, asc, eq, inArray } = orm

/** What a page of users has beside the users themselves, as an import takes it. */
export const createUserExport = (db: Database): UserExport => {
  const { users, loginNames, groups, userGroups, userPermissions, userObjectGrants } = db.tables
  const { queries } = db
  return {
    async of(userIds) {
      if (userIds.length === 0) return new Map()
      const ids = [...userIds]
      const [hashes, named, joined, granted, onObjects] = await Promise.all([
        queries.select({ id: users.id, passwordHash: users.passwordHash }).from(users).where(inArray(users.id, ids)),
        queries
          .select({ id: loginNames.userId, name: loginNames.name })
          .from(loginNames)
          .where(inArray(loginNames.userId, ids))
          .orderBy(asc(loginNames.name)),
        queries
          .select({ id: userGroups.userId, name: groups.name })
          .from(userGroups)
          .innerJoin(groups, eq(groups.id, userGroups.groupId))
          .where(and(inArray(userGroups.userId, ids), eq(userGroups.origin, ownOrigin)))
          .orderBy(asc(groups.name)),
        queries
          .select({ id: userPermissions.userId, name: userPermissions.permission })
          .from(userPermissions)
          .where(inArray(userPermissions.userId, ids))
          .orderBy(asc(userPermissions.permission)),
        queries
          .select()
          .from(userObjectGrants)
          .where(inArray(userObjectGrants.userId, ids))
          .orderBy(asc(userObjectGrants.objectType), asc(userObjectGrants.objectId), asc(userObjectGrants.permission))
      ])
      const found = new Map(
        hashes.map(({ id, passwordHash }) => [
          id,
          {
            ...{ passwordHash, loginNames: [] as string[], groups: [] as string[], permissions: [] as string[] },
            objectGrants: [] as GrantOnObject[]
          }
        ])
      )
      for (const { id, name } of named) found.get(id)?.loginNames.push(name)
      for (const { id, name } of joined) found.get(id)?.groups.push(name)
      for (const { id, name } of granted) found.get(id)?.permissions.push(name)
      for (const { userId, permission, objectType: type, objectId } of onObjects)
        found.get(userId)?.objectGrants.push({ permission, object: { type, id: objectId } })
      return found
    }
  }
}
