import type { Placeholder } from 'drizzle-orm'
import { orm } from './drizzle.ts'
import type { Prepared } from './prepared.ts'

/** A key of several parts, each by its name. */
export type Key<Name extends string> = Readonly<Record<Name, string>>

/** The same where the values come when the statement is run. */
export type Mark<Name extends string> = Readonly<Record<Name, Placeholder>>

/** Up to as many as are looked up at once; of what is looked up in vain there is a third at most. */
const sizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32] as const

/**
 * Statements that look for some keys at once, prepared when they are needed first: for some numbers of keys only, since each is
 * a text of its own. The last key is repeated, so a statement must find the same whether a key comes once or twice.
 * @param names the parts of a key
 */
export const forKeys = <Name extends string, Row>(
  names: readonly Name[],
  prepare: (marks: ReadonlyArray<Mark<Name>>) => Prepared<Row>
): ((keys: ReadonlyArray<Key<Name>>) => Promise<Row[]>) => {
  const statements = new Map<number, Prepared<Row>>()
  const statementFor = (size: number): Prepared<Row> => {
    const known = statements.get(size)
    if (known !== undefined) return known
    const made = prepare(Array.from({ length: size }, (_, at) => markOf(names, at)))
    statements.set(size, made)
    return made
  }
  return (keys) => {
    const size = sizes.find((each) => each >= keys.length) ?? keys.length
    const values: Record<string, string | undefined> = {}
    for (let at = 0; at < size; at++) {
      const key = keys[Math.min(at, keys.length - 1)]
      for (const name of names) values[`${name}${at}`] = key?.[name]
    }
    return statementFor(size).execute(values)
  }
}

function markOf<Name extends string>(names: readonly Name[], at: number): Mark<Name> {
  return Object.fromEntries(names.map((name) => [name, orm.sql.placeholder(`${name}${at}`)])) as Mark<Name>
}
