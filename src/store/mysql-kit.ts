import type { MySqlTable } from 'drizzle-orm/mysql-core'
import type { MySqlRemoteDatabase } from 'drizzle-orm/mysql-proxy'
import { orm, ormParts } from './drizzle.ts'
import { asDialect, type Kit, type Run } from './kit.ts'

const core = ormParts.mysqlCore()

// every collation merges or trims something (á/a, ß/ss, trailing spaces), and the one that does not has another name on
// MySQL than on MariaDB
const bytes = core.customType<{ data: string; driverData: Buffer; config: { length: number } }>({
  dataType: (config) => `varbinary(${config?.length ?? 255})`,
  fromDriver: (value) => value.toString()
})

const text = core.customType<{ data: string; driverData: string }>({
  dataType: () => 'text character set utf8mb4'
})

// not `json`: MySQL answers it parsed, MariaDB as text
const json = core.customType<{ data: unknown; driverData: string }>({
  dataType: () => 'mediumtext character set utf8mb4',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (value) => JSON.parse(value)
})

const mysqlKit = {
  table: core.mysqlTable,
  alias: core.alias,
  index: core.index,
  uniqueIndex: core.uniqueIndex,
  primaryKey: core.primaryKey,
  foreignKey: core.foreignKey,
  key: (name: string, length: number) => bytes(name, { length }),
  text: (name: string) => text(name),
  integer: (name: string) => core.bigint(name, { mode: 'number' }),
  boolean: (name: string) => core.boolean(name),
  json: (name: string) => json(name)
} satisfies Record<keyof Kit, unknown>

const queries = (run: Run) =>
  ormParts.mysqlProxy().drizzle(async (sql, params, method) => ({ rows: await run(sql, params, method === 'execute') }))

// not `insert ignore`, which makes warnings of other errors, too
const insertMissing = (db: MySqlRemoteDatabase, table: MySqlTable, rows: object[]) => {
  const [[name, column] = []] = Object.entries(orm.getTableColumns(table))
  return db
    .insert(table)
    .values(rows)
    .onDuplicateKeyUpdate({ set: { [name ?? '']: column } })
}

/** MySQL's and MariaDB's part of Drizzle. */
export const mysqlDialect = asDialect({ kit: mysqlKit, queries, insertMissing })
