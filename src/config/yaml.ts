import {
  type Document,
  isAlias,
  isCollection,
  isNode,
  isPair,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError
} from 'yaml'
import { type Finding, isPlainKey, type Mistake, mistakeOf, type Path } from './config-error.ts'

/** A file's tree, and where each value of it stands. */
export interface ParsedYaml {
  /** Of a doubled key, the last value. */
  readonly tree: unknown
  /** Keys that stand there twice: all else can be looked at. */
  readonly doubled: readonly Mistake[]
  /** Adds line and column to a finding. */
  readonly locate: (finding: Finding) => Mistake
}

/** Reads one YAML 1.2 document; doubled keys, custom tags and aliases that multiply are mistakes. */
export function parseYaml(source: string): ParsedYaml | readonly Mistake[] {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, stringKeys: true, merge: true })
  const doubled = doubledKeys(document, lines)
  const mistakes = [...syntaxMistakes(document, lines), ...aliasMistakes(document, lines)]
  if (mistakes.length > 0) return [...doubled, ...mistakes]
  const locate = (finding: Finding): Mistake => {
    const { line, col } = lines.linePos(offsetOf(document, finding.path))
    return { ...mistakeOf(finding), line, column: col }
  }
  try {
    return { tree: document.toJS({ maxAliasCount: 100 }), doubled, locate }
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    return [{ path: '', message: 'its aliases multiply beyond measure' }]
  }
}

/** The parser's own texts quote the file, and so perhaps a secret; these do not. */
const texts: Partial<Record<YAMLError['code'], string>> = {
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
const harmless: ReadonlySet<string> = new Set(['NON_STRING_KEY', 'TAG_RESOLVE_FAILED', 'BAD_DQ_ESCAPE'])

function syntaxMistakes(document: Document.Parsed, lines: LineCounter): Mistake[] {
  const problems = [...document.errors, ...document.warnings].filter(({ code }) => code !== 'DUPLICATE_KEY')
  const stumble = problems.find(({ code }) => !harmless.has(code))
  const shown = problems.filter((problem) => problem === stumble || harmless.has(problem.code))
  return shown.map(({ code, pos }) => mistakeAt(lines, pos[0], texts[code] ?? `this is no YAML (${code})`))
}

function mistakeAt(lines: LineCounter, offset: number, message: string): Mistake {
  const { line, col } = lines.linePos(offset)
  return { path: '', message, line, column: col }
}

function aliasMistakes(document: Document.Parsed, lines: LineCounter): Mistake[] {
  const mistakes: Mistake[] = []
  visit(document, {
    Alias(_, alias, ancestors) {
      const target = alias.resolve(document)
      const offset = alias.range?.[0] ?? 0
      if (!target) mistakes.push(mistakeAt(lines, offset, 'no anchor of this name stands above'))
      else if (ancestors.some((holder) => holder === target)) {
        mistakes.push(mistakeAt(lines, offset, 'stands within what it repeats'))
      }
    }
  })
  return mistakes
}

function doubledKeys(document: Document.Parsed, lines: LineCounter): Mistake[] {
  const mistakes: Mistake[] = []
  const offsets = new Set(document.errors.flatMap(({ code, pos }) => (code === 'DUPLICATE_KEY' ? [pos[0]] : [])))
  visit(document, {
    Pair(_, { key }, ancestors) {
      const offset = isNode(key) ? key.range?.[0] : undefined
      if (offset === undefined || !offsets.has(offset)) return
      const path = [...pathTo(ancestors), String(key)]
      const finding = { path, message: 'this key stands here twice', isUnshown: !isPlainKey(String(key)) }
      const { line, col } = lines.linePos(offset)
      mistakes.push({ ...mistakeOf(finding), line, column: col })
    }
  })
  return mistakes
}

/** The path of the innermost of nodes that hold one another. */
function pathTo(ancestors: readonly unknown[]): Path {
  return ancestors.flatMap((node, depth): Path => {
    const inner = ancestors[depth + 1]
    if (isPair(node)) return [String(node.key)]
    return isSeq(node) && inner !== undefined ? [node.items.indexOf(inner)] : []
  })
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
