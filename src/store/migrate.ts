import { readFile } from 'node:fs/promises'

/** Runs one statement; rows come as arrays of columns. */
export type RunStatement = (sql: string, params?: Array<string | number>) => Promise<unknown[]>

interface Step {
  readonly migration: string
  readonly step: number
  readonly statement: string
  /** Somebody began it, and nobody knows whether it came to its end. */
  readonly isBegun: boolean
}

/** Both `src/store` and `dist/store` stand two folders below the one that has `drizzle`. */
const folderOf = (dialect: 'mysql' | 'sqlite') => new URL(`../../drizzle/${dialect}/`, import.meta.url)

const stepsOf = async (dialect: 'mysql' | 'sqlite'): Promise<Array<Omit<Step, 'isBegun'>>> => {
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

/** What stands for the time of a step that is under way. */
const begun = 0

/** The steps that the database has not seen to their end. The table of those that it has must be there. */
export const pendingSteps = async (dialect: 'mysql' | 'sqlite', run: RunStatement): Promise<Step[]> => {
  const seen = new Map<string, boolean>()
  for (const row of await run('select migration, step, applied_at from latchkey_migrations')) {
    if (Array.isArray(row)) seen.set(`${String(row[0])}/${String(row[1])}`, Number(row[2]) === begun)
  }
  return (await stepsOf(dialect)).flatMap((step) => {
    const isBegun = seen.get(`${step.migration}/${step.step}`)
    return isBegun === false ? [] : [{ ...step, isBegun: isBegun === true }]
  })
}

/**
 * Brings the tables up to date; whoever calls holds a lock. Each statement is noted down before and when it is done, since
 * MySQL's DDL is not transactional: a start that is killed half-way goes on where it stopped, or where the server went on to.
 * @param isDone whether an error says that a statement had come to its end before
 */
export const migrate = async (
  dialect: 'mysql' | 'sqlite',
  run: RunStatement,
  isDone: (error: unknown) => boolean = () => false
): Promise<number> => {
  await run(
    'create table if not exists latchkey_migrations (' +
      `migration ${dialect === 'mysql' ? 'varbinary(255)' : 'text'} not null, step integer not null, ` +
      'applied_at bigint not null, primary key (migration, step))'
  )
  const steps = await pendingSteps(dialect, run)
  for (const { migration, step, statement, isBegun } of steps) {
    const key = [migration, step]
    if (!isBegun) {
      await run('insert into latchkey_migrations (migration, step, applied_at) values (?, ?, ?)', [...key, begun])
    }
    try {
      await run(statement)
    } catch (error) {
      if (!isBegun || !isDone(error)) {
        // the server has answered, or else does not answer this either
        await run('delete from latchkey_migrations where migration = ? and step = ?', key).catch(() => undefined)
        throw error
      }
    }
    await run('update latchkey_migrations set applied_at = ? where migration = ? and step = ?', [Date.now(), ...key])
  }
  return steps.length
}
