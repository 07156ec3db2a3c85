import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { mysqlDialect } from './mysql-kit.ts'
import { sqliteDialect } from './sqlite-kit.ts'
import { createTables } from './tables.ts'

const kit: typeof import('drizzle-kit/api') = createRequire(import.meta.url)('drizzle-kit/api')

interface Journal {
  version: string
  dialect: string
  entries: Array<{ idx: number; version: string; when: number; tag: string; breakpoints: boolean }>
}

interface Draft {
  readonly statements: readonly string[]
  /** Of the migrations that are there. */
  readonly names: readonly string[]
  /** Writes the next migration; both dialects' get the same name and time. */
  write(name: string, when: number): Promise<void>
}

const readJson = async <T>(url: URL): Promise<T | undefined> => {
  const text = await readFile(url, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

/** What the last migration's snapshot lacks of `tables.ts`; `diff` compares a snapshot with the tables. */
const draft = async <Snapshot extends { id: string; version: string }>(
  dialect: 'mysql' | 'sqlite',
  snapshotOf: (tables: Record<string, unknown>, prevId?: string) => Promise<Snapshot>,
  diff: (previous: Snapshot, current: Snapshot) => Promise<string[]>
): Promise<Draft> => {
  const folder = new URL(`../../drizzle/${dialect}/`, import.meta.url)
  const journal = (await readJson<Journal>(new URL('meta/_journal.json', folder))) ?? {
    version: '7',
    dialect,
    entries: []
  }
  const index = journal.entries.length
  const number = (n: number) => String(n).padStart(4, '0')
  const last = await readJson<Snapshot>(new URL(`meta/${number(index - 1)}_snapshot.json`, folder))
  const previous = last ?? (await snapshotOf({}))
  const current = await snapshotOf(
    { ...createTables((dialect === 'mysql' ? mysqlDialect : sqliteDialect).kit) },
    previous.id
  )
  const statements = await diff(previous, current)
  return {
    statements,
    names: journal.entries.map(({ tag }) => tag),
    async write(name, when) {
      const tag = `${number(index)}_${name}`
      journal.entries.push({ idx: index, version: current.version, when, tag, breakpoints: true })
      await mkdir(new URL('meta/', folder), { recursive: true })
      // a dialect that has nothing to change gets its file, too, so that the numbers stay the same
      const sql = (statements.length > 0 ? statements : ['SELECT 1;']).join('\n--> statement-breakpoint\n')
      await writeFile(new URL(`${tag}.sql`, folder), `${sql}\n`)
      await writeFile(new URL(`meta/${number(index)}_snapshot.json`, folder), `${JSON.stringify(current, null, 2)}\n`)
      await writeFile(new URL('meta/_journal.json', folder), `${JSON.stringify(journal, null, 2)}\n`)
    }
  }
}

/** What `tables.ts` has and the migrations lack, by dialect; empty lists where they are in step. */
export const draftMigrations = async (): Promise<{ mysql: Draft; sqlite: Draft }> => ({
  mysql: await draft(
    'mysql',
    async (tables, prevId) => kit.generateMySQLDrizzleJson(tables, prevId),
    (previous, current) => kit.generateMySQLMigration(previous, current)
  ),
  sqlite: await draft(
    'sqlite',
    async (tables, prevId) => kit.generateSQLiteDrizzleJson(tables, prevId),
    (previous, current) => kit.generateSQLiteMigration(previous, current)
  )
})

if (import.meta.main) {
  const { mysql, sqlite } = await draftMigrations()
  const name = process.argv[2] ?? 'change'
  if (mysql.statements.length + sqlite.statements.length === 0)
    console.log('drizzle/ is in step with src/store/tables.ts')
  else {
    const when = Date.now()
    await mysql.write(name, when)
    await sqlite.write(name, when)
    console.log([...mysql.statements, ...sqlite.statements].join('\n'))
  }
}
