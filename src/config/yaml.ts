import {
  type Document,
  isAlias,
  isCollection,
  isNode,
  isPair,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError
} from 'yaml'
import { type Finding, type Mistake, mistakeOf, type Path } from './config-error.ts'

/** A file's tree, and where each value of it stands. */
export interface ParsedYaml {
  readonly tree: unknown
  /** Adds line and column to a finding. */
  readonly locate: (finding: Finding) => Mistake
}

/** Reads one YAML 1.2 document; doubled keys, custom tags and aliases that multiply are mistakes. */
export function parseYaml(source: string): ParsedYaml | readonly Mistake[] {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, stringKeys: true, merge: true })
  const mistakes = syntaxMistakes(document, lines)
  if (mistakes.length > 0) return mistakes
  const locate = (finding: Finding): Mistake => {
    const { line, col } = lines.linePos(offsetOf(document, finding.path))
    return { ...mistakeOf(finding), line, column: col }
  }
  try {
    return { tree: document.toJS({ maxAliasCount: 100 }), locate }
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    return [{ path: '', message: 'its aliases multiply beyond measure' }]
  }
}

/** The parser's own texts quote the file, and so perhaps a secret; these do not. */
const texts: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'this key stands here twice',
  NON_STRING_KEY: 'a key must be text: put it in quotes',
  MULTIPLE_DOCS: 'one document is expected, and a second begins here',
  TAG_RESOLVE_FAILED: 'custom tags are not taken',
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted text: double the backslash, or use single quotes',
  BAD_INDENT: 'the indentation is wrong, or a bracket is not closed',
  TAB_AS_INDENT: 'indent by spaces, not tabs',
  MISSING_CHAR: 'a comma, colon, quote or bracket is missing',
  BAD_SCALAR_START: 'a text that begins like this must stand in quotes',
  UNEXPECTED_TOKEN: `unexpected here; within { } and [ ] a text that holds \${…} must stand in quotes`
}

/** Mistakes after which the parser knows where it is; after any other it stumbles on. */
const harmless: ReadonlySet<string> = new Set([
  'DUPLICATE_KEY',
  'NON_STRING_KEY',
  'TAG_RESOLVE_FAILED',
  'BAD_DQ_ESCAPE'
])

function syntaxMistakes(document: Document.Parsed, lines: LineCounter): Mistake[] {
  const problems = [...document.errors, ...document.warnings]
  const stumble = problems.find(({ code }) => !harmless.has(code))
  const shown = problems.filter((problem) => problem === stumble || harmless.has(problem.code))
  const mistakeAt = (offset: number, message: string): Mistake => {
    const { line, col } = lines.linePos(offset)
    return { path: '', message, line, column: col }
  }
  const mistakes = shown.map(({ code, pos }) => mistakeAt(pos[0], texts[code] ?? `this is no YAML (${code})`))
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document)) return
      mistakes.push(mistakeAt(alias.range?.[0] ?? 0, 'no anchor of this name stands above'))
    }
  })
  return mistakes
}

/** Where the value stands, or what holds it where it is missing. */
function offsetOf({ contents }: Document, path: Path): number {
  let node: unknown = contents
  let offset = 0
  for (const part of path) {
    if (isAlias(node)) break
    const next = isCollection(node) ? node.items.find((item, index) => isPart(item, index, part)) : undefined
    if (next === undefined) break
    const held = isPair(next) ? next.value : next
    const at = isPair(next) && isNode(next.key) ? next.key.range : isNode(held) ? held.range : undefined
    offset = at?.[0] ?? offset
    node = held
  }
  return offset
}

function isPart(item: unknown, index: number, part: string | number): boolean {
  if (!isPair(item)) return index === Number(part)
  return String(item.key) === String(part)
}
