import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core'
import type { Kit } from '../kit.ts'

/** A reference to the row without which this one is nothing: it is deleted along with it. */
export const goesWith = (kit: Kit, name: string, column: AnySQLiteColumn, owner: AnySQLiteColumn) =>
  kit.foreignKey({ name, columns: [column], foreignColumns: [owner] }).onDelete('cascade')
