import { getTableColumns, getTableName } from 'drizzle-orm'
import t from 'tap'
import { draftMigrations } from '../../src/store/generate.ts'
import type { Dialect } from '../../src/store/kit.ts'
import { mysqlDialect } from '../../src/store/mysql-kit.ts'
import { sqliteDialect } from '../../src/store/sqlite-kit.ts'
import { createTables } from '../../src/store/tables.ts'

/** What has to be alike in both dialects: names, keys, nullability and the JavaScript type of every column. */
const outline = ({ kit }: Dialect) =>
  Object.entries(createTables(kit)).map(([key, table]) => [
    key,
    getTableName(table),
    Object.entries(getTableColumns(table)).map(([property, { name, notNull, primary, hasDefault }]) => ({
      property,
      name,
      notNull,
      primary,
      hasDefault
    }))
  ])

t.test('the tables of both dialects have the same columns', async (t) => {
  t.same(outline(mysqlDialect), outline(sqliteDialect))
})

t.test('a value comes back from either dialect as the same JavaScript value', async (t) => {
  const [mysql, sqlite] = [mysqlDialect, sqliteDialect].map(({ kit }) => createTables(kit).users)
  const examples = { id: 'é', attributes: { a: [1, 'é'] }, isActive: true, createdAt: 1_767_225_600_000 } as const
  for (const [name, value] of Object.entries(examples)) {
    for (const table of [mysql, sqlite]) {
      const column = table?.[name as keyof typeof examples]
      const stored = column?.mapToDriverValue(value as never)
      const driver =
        name === 'id' && table === mysql
          ? Buffer.from(String(stored))
          : typeof stored === 'boolean'
            ? Number(stored)
            : stored
      t.same(column?.mapFromDriverValue(driver as never), value, name)
    }
  }
})

t.test('the migrations are in step with tables.ts: else `npm run generate -- NAME`', async (t) => {
  const { mysql, sqlite } = await draftMigrations()
  t.same(mysql.statements, [])
  t.same(sqlite.statements, [])
  t.same(mysql.names, sqlite.names, 'both have the same migrations')
})
