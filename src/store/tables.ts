import type { Kit } from './kit.ts'
import { eventTables } from './tables/events.ts'
import { permissionTables } from './tables/permissions.ts'
import { tokenTables } from './tables/tokens.ts'
import { userTables } from './tables/users.ts'

/** Our tables, once for both dialects. Lengths are bytes; times are epoch milliseconds. */
export const createTables = (kit: Kit) => {
  const people = userTables(kit)

  /** Rows that a transaction holds for as long as it works on what they name. */
  const locks = kit.table('latchkey_locks', { name: kit.key('name', 64).primaryKey() })

  return { ...people, ...permissionTables(kit, people), ...tokenTables(kit, people), locks, ...eventTables(kit) }
}

/** Our tables as the queries see them. */
export type Tables = ReturnType<typeof createTables>
