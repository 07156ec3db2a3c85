import { readFile } from 'node:fs/promises'

/** Runs one statement; rows come as arrays of columns. */
export type RunStatement = (sql: string, params?: Array<string | number>) => Promise<unknown[]>

interface Step {
  readonly migration: string
  readonly step: number
  readonly statement: string
}

/** Both `src/store` and `dist/store` stand two folders below the one that has `drizzle`. */
const folderOf = (dialect: 'mysql' | 'sqlite') => new URL(`../../drizzle/${dialect}/`, import.meta.url)

const stepsOf = async (dialect: 'mysql' | 'sqlite'): Promise<Step[]> => {
  const read = (name: string) => readFile(new URL(name, folderOf(dialect)), 'utf8')
  const journal: { entries: Array<{ tag: string }> } = JSON.parse(await read('meta/_journal.json'))
  const files = await Promise.all(
    journal.entries.map(async ({ tag }) => ({
      tag,
      statements: (await read(`${tag}.sql`)).split('--> statement-breakpoint')
    }))
  )
  return files.flatMap(({ tag, statements }) =>
    statements.map((statement, step) => ({ migration: tag, step, statement: statement.trim() }))
  )
}

/** The steps that the database has not seen. The table of those that it has must be there. */
export const pendingSteps = async (dialect: 'mysql' | 'sqlite', run: RunStatement): Promise<Step[]> => {
  const seen = new Set<string>()
  for (const row of await run('select migration, step from latchkey_migrations')) {
    if (Array.isArray(row)) seen.add(`${String(row[0])}/${String(row[1])}`)
  }
  return (await stepsOf(dialect)).filter(({ migration, step }) => !seen.has(`${migration}/${step}`))
}

/**
 * Brings the tables up to date; whoever calls holds a lock. Each statement is noted down when it is done, since MySQL's
 * DDL is not transactional: a start that is killed half-way goes on where it stopped.
 */
export const migrate = async (dialect: 'mysql' | 'sqlite', run: RunStatement): Promise<number> => {
  await run(
    'create table if not exists latchkey_migrations (' +
      `migration ${dialect === 'mysql' ? 'varbinary(255)' : 'text'} not null, step integer not null, ` +
      'applied_at bigint not null, primary key (migration, step))'
  )
  const steps = await pendingSteps(dialect, run)
  for (const { migration, step, statement } of steps) {
    await run(statement)
    await run('insert into latchkey_migrations (migration, step, applied_at) values (?, ?, ?)', [
      migration,
      step,
      Date.now()
    ])
  }
  return steps.length
}
