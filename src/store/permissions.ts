import type { PermissionList } from '../auth/group-store.ts'
import type { PermissionStore } from '../auth/user-store.ts'
import { readCursor } from './cursor.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import { pageOf } from './groups.ts'
import { prefixed } from './prefix.ts'

const { and, asc, eq, gt } = orm

/** The registry of permissions. */
export const createPermissionStore = (db: Database): PermissionStore & PermissionList => {
  const { permissions } = db.tables
  const rows = () => db.queries.select().from(permissions).orderBy(asc(permissions.name))
  return {
    async declare(declarations) {
      const known = new Map((await rows()).map((row) => [row.name, row]))
      const wanted = Object.entries(declarations).map(([name, description]) => ({ name, description, declared: true }))
      const added = wanted.filter(({ name }) => !known.has(name))
      const vanished = [...known.values()]
        .filter(({ name }) => !Object.hasOwn(declarations, name))
        .map((row) => ({ ...row, declared: false }))
      const changed = [...wanted, ...vanished].filter(({ name, description, declared }) => {
        const row = known.get(name)
        return row !== undefined && (row.description !== description || row.declared !== declared)
      })
      if (added.length + changed.length === 0) return
      await db.transaction(async (tx) => {
        if (added.length > 0) await db.insertMissing(tx, permissions, added)
        for (const { name, ...values } of changed) {
          // somebody may have granted it before: the configuration is who declares it, or did until now
          const origin = known.get(name)?.origin === 'grant' ? { origin: 'configuration' as const } : {}
          await tx
            .update(permissions)
            .set({ ...values, ...origin })
            .where(eq(permissions.name, name))
        }
      })
    },
    async registered() {
      return (await rows()).map(({ name }) => name)
    },

    async byName(name) {
      const [row] = await db.queries.select().from(permissions).where(eq(permissions.name, name))
      return row?.name === name ? row : undefined
    },
    async list({ search, cursor, limit }) {
      const after = cursor === undefined ? [] : [gt(permissions.name, readCursor(cursor, 'permission').id)]
      const page = await db.queries
        .select()
        .from(permissions)
        .where(and(...prefixed(permissions.name, search), ...after))
        .orderBy(asc(permissions.name))
        .limit(limit + 1)
      return pageOf(page, limit, ({ name }) => ({ order: 'permission', value: null, id: name }), page)
    }
  }
}
