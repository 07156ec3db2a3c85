import type { BackendContext, TraceStep } from '../../auth/backend.ts'
import { columnNames } from './account.ts'
import { type Answer, type ForeignDatabase, type Place, SqlFailure } from './database.ts'
import { openDatabase } from './open-database.ts'
import { neededColumns, type StatementName, type Statements, statementNames } from './options.ts'

/** The statements over their database. */
export interface SqlSource {
  /** @throws {SqlFailure} */
  ask(name: StatementName, values: Readonly<Record<string, string | null>>, context: Asked): Promise<Answer>
  /** Runs every statement for nobody, and looks for the columns. @throws {SqlFailure} */
  check(context: Asked): Promise<void>
  close(): Promise<void>
}

type Asked = Pick<BackendContext, 'remainingMs' | 'trace'>

/** The database is opened by the first question. */
export function createSource(place: Place, statements: Statements): SqlSource {
  let opening: Promise<ForeignDatabase> | undefined
  let closing: Promise<void> | undefined
  const where = place.flavour === 'sqlite' ? place.file : `${place.host}:${place.port}`

  const ask: SqlSource['ask'] = async (name, values, { remainingMs, trace }) => {
    const statement = statements[name]
    if (statement === undefined) return { columns: [], rows: [] }
    const began = performance.now()
    const tell = (step: Omit<TraceStep, 'step' | 'ms'>) =>
      trace?.({ step: name, ...step, ms: performance.now() - began })
    opening ??= openDatabase(place)
    try {
      const database = await opening
      const answer = await database.query(statement, values, remainingMs())
      const count = answer.rows.length
      tell({ outcome: 'ok', text: `${place.flavour} at ${where}: ${count} ${count === 1 ? 'row' : 'rows'}` })
      return answer
    } catch (error) {
      if (!(error instanceof SqlFailure)) throw error
      tell({
        outcome: 'failed',
        text: `${place.flavour} at ${where}: ${error.message}`,
        remedy: remedies[error.reason]
      })
      throw error
    }
  }

  const close = async (): Promise<void> => {
    const database = await opening?.catch(() => undefined)
    await database?.close()
  }

  return {
    ask,
    async check(context) {
      for (const name of statementNames) {
        if (statements[name] === undefined) continue
        const { columns } = await ask(name, {}, context)
        const missing = neededColumns[name].filter((column) => !columns.map(columnName).includes(column))
        if (missing.length > 0) throw new SqlFailure('statement', `${name}: there is no column ${missing.join(', ')}`)
      }
    },
    close() {
      closing ??= close()
      return closing
    }
  }
}

const columnName = columnNames([])

const remedies: Readonly<Record<SqlFailure['reason'], string>> = {
  connect: 'see whether the database is there, and whether its account may log in from here',
  timeout: 'give the statement an index, or the backend a longer `timeout`',
  statement: 'run the statement in the database’s own client, as the same account',
  protocol: 'every row needs a subject of at most 255 bytes'
}
