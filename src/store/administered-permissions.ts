import type { AdministeredPermissions } from '../auth/administration-store.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import type { Queries } from './kit.ts'

const { eq } = orm

/** The registry of permissions within a transaction. */
export const administeredPermissions = (db: Database, queries: Queries): AdministeredPermissions => {
  const { permissions } = db.tables
  return {
    async byName(name) {
      const [row] = await queries.select().from(permissions).where(eq(permissions.name, name))
      return row?.name === name ? row : undefined
    },
    async create(name, description) {
      await queries.insert(permissions).values({ name, description, declared: false, origin: 'administration' })
    },
    async describe(name, description) {
      await queries.update(permissions).set({ description, origin: 'administration' }).where(eq(permissions.name, name))
    },
    async delete(name) {
      await queries.delete(permissions).where(eq(permissions.name, name))
    }
  }
}
