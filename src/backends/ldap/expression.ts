import { prepare } from './dn.ts'
import { type Entry, textsOf } from './entry.ts'
import { type Group, type GroupSelector, parseGroupSelector } from './group-selector.ts'

/** A condition on an account, as it is configured. */
export type Expression =
  | { readonly all: readonly Expression[] }
  | { readonly any: readonly Expression[] }
  | { readonly not: Expression }
  | { readonly group: string }
  | { readonly attribute: Readonly<Record<string, string | readonly string[]>> }

/** What a condition is about. Groups are asked for by those conditions only that name one. */
export interface Facts {
  readonly entry: Entry
  readonly groups: readonly Group[]
}

/** A condition that is parsed. */
export interface Condition {
  holds(facts: Facts): boolean
  /** Why it holds or does not, in plain words. */
  because(facts: Facts): string
  readonly selectors: readonly GroupSelector[]
  readonly attributes: readonly string[]
  /** The groups that it names, as they are written, and where. */
  readonly texts: readonly { readonly text: string; readonly path: readonly (string | number)[] }[]
}

/** A part of an expression that is not usable, at a path below it. */
export class ExpressionMistake extends Error {
  readonly path: readonly (string | number)[]

  constructor(path: readonly (string | number)[], message: string) {
    super(message)
    this.name = 'ExpressionMistake'
    this.path = path
  }
}

/** What the parts are together; what they say when it is told why is what made it so. */
const combined = (parts: readonly Condition[], holds: Condition['holds'], deciding = holds): Condition => ({
  holds,
  because: (facts) =>
    parts
      .filter((part) => part.holds(facts) === deciding(facts))
      .map((part) => part.because(facts))
      .join(', '),
  selectors: parts.flatMap(({ selectors }) => selectors),
  attributes: parts.flatMap(({ attributes }) => attributes),
  texts: parts.flatMap(({ texts }) => texts)
})

const groupCondition = (text: string, path: readonly (string | number)[]): Condition => {
  try {
    const selector = parseGroupSelector(text)
    return {
      holds: ({ groups }) => groups.some(selector.matches),
      because: ({ groups }) => `${groups.some(selector.matches) ? 'in' : 'not in'} ${text}`,
      selectors: [selector],
      attributes: [],
      texts: [{ text, path }]
    }
  } catch (error) {
    throw new ExpressionMistake(path, `means no group: ${error instanceof Error ? error.message : error}`)
  }
}

/** As most attributes compare (RFC 4517 4.2.11): without case, and whatever the spaces. */
const attributeCondition = (wanted: Readonly<Record<string, string | readonly string[]>>): Condition => {
  const checks = Object.entries(wanted).map(([name, values]) => [name, new Set([values].flat().map(prepare))] as const)
  return {
    holds: ({ entry }) =>
      checks.every(([name, values]) => textsOf(entry, name).some((value) => values.has(prepare(value)))),
    because: ({ entry }) =>
      Object.entries(wanted)
        .map(
          ([name, values]) =>
            `${name} is ${textsOf(entry, name).join(' and ') || 'missing'} (asked for: ${[values].flat().join(' or ')})`
        )
        .join(', '),
    selectors: [],
    attributes: checks.map(([name]) => name),
    texts: []
  }
}

/**
 * Parses a condition. One that names a group or a value which nobody has is false there, and spoils nothing beside it.
 * @throws {ExpressionMistake} with the path of the part that is wrong
 */
export const parseExpression = (expression: Expression, path: readonly (string | number)[] = []): Condition => {
  if ('group' in expression) return groupCondition(expression.group, [...path, 'group'])
  if ('attribute' in expression) return attributeCondition(expression.attribute)
  if ('not' in expression) {
    const inner = parseExpression(expression.not, [...path, 'not'])
    return combined([inner], (facts) => !inner.holds(facts), inner.holds)
  }
  const word = 'all' in expression ? 'all' : 'any'
  const list = 'all' in expression ? expression.all : expression.any
  const parts = list.map((part, at) => parseExpression(part, [...path, word, at]))
  return combined(parts, (facts) =>
    word === 'all' ? parts.every(({ holds }) => holds(facts)) : parts.some(({ holds }) => holds(facts))
  )
}
