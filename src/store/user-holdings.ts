import type { UserHoldings } from '../auth/group-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'

const { asc, eq, inArray } = orm

/** Groups, direct permissions and login names of a page of users. */
export const createUserHoldings = (db: Database): UserHoldings => {
  const { loginNames, groups, userGroups, userPermissions } = db.tables
  return {
    async of(userIds) {
      const found = new Map(
        userIds.map(
          (id) =>
            [id, { groups: new Set<string>(), permissions: new Set<string>(), loginNames: new Set<string>() }] as const
        )
      )
      if (userIds.length > 0) {
        const [joined, granted, named] = await Promise.all([
          db.queries
            .select({ userId: userGroups.userId, name: groups.name })
            .from(userGroups)
            .innerJoin(groups, eq(groups.id, userGroups.groupId))
            .where(inArray(userGroups.userId, [...userIds]))
            .orderBy(asc(groups.name)),
          db.queries
            .select()
            .from(userPermissions)
            .where(inArray(userPermissions.userId, [...userIds]))
            .orderBy(asc(userPermissions.permission)),
          db.queries
            .select()
            .from(loginNames)
            .where(inArray(loginNames.userId, [...userIds]))
            .orderBy(asc(loginNames.name))
        ])
        for (const { userId, name } of joined) found.get(userId)?.groups.add(name)
        for (const { userId, permission } of granted) found.get(userId)?.permissions.add(permission)
        for (const { userId, name } of named) found.get(userId)?.loginNames.add(name)
      }
      return new Map(
        Array.from(found, ([id, held]) => [
          id,
          { groups: [...held.groups], permissions: [...held.permissions], loginNames: [...held.loginNames] }
        ])
      )
    }
  }
}
