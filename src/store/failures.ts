import { orm } from './drizzle.ts'

/** What the driver threw: Drizzle wraps it in an error whose message has the parameters, password hashes among them. */
export const causeOf = (error: unknown): unknown =>
  error instanceof orm.DrizzleQueryError ? (error.cause ?? error) : error

/** The same port, which throws what the driver threw, without the statement and its parameters. */
export const withoutStatements = <Port extends object>(port: Port): Port => {
  const rethrow = (error: unknown): never => {
    throw causeOf(error)
  }
  const wrap =
    (method: (...args: unknown[]) => unknown) =>
    (...args: unknown[]) => {
      const answer = method(...args)
      return isPromise(answer) ? answer.catch(rethrow) : answer
    }
  return Object.fromEntries(Object.entries(port).map(([name, method]) => [name, wrap(method)])) as Port
}

const isPromise = (answer: unknown): answer is Promise<unknown> =>
  typeof answer === 'object' && answer !== null && 'catch' in answer

/** The insert or update met a unique key. */
export class DuplicateKey extends Error {
  constructor(cause: unknown) {
    super('a unique key is taken', { cause })
    this.name = 'DuplicateKey'
  }
}

/** The insert or update names a row that is not there. */
export class MissingReference extends Error {
  constructor(cause: unknown) {
    super('a row that is referred to is not there', { cause })
    this.name = 'MissingReference'
  }
}

/** The row is not as it was taken for: a statement that must change it changed nothing. */
export class NothingChanged extends Error {
  constructor() {
    super('a row is not as it was')
    this.name = 'NothingChanged'
  }
}

/** Whether a failure says something of one statement and its rows, and nothing of the database. */
export const isOfRows = (error: unknown): boolean =>
  [DuplicateKey, MissingReference, NothingChanged].some((kind) => error instanceof kind)

/** What the work answers, or `taken` where it met a unique key. */
export const orTaken = async <T>(work: () => Promise<T>): Promise<T | 'taken'> => {
  try {
    return await work()
  } catch (error) {
    if (causeOf(error) instanceof DuplicateKey) return 'taken'
    throw error
  }
}
