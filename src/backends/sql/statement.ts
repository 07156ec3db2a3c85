/** The flavours of SQL that a foreign table may speak. */
export type Flavour = 'mysql' | 'postgres' | 'sqlite'

/** A SELECT cut at its named parameters: `names[0]` stands between `pieces[0]` and `pieces[1]`. */
export interface Statement {
  readonly pieces: readonly string[]
  readonly names: readonly string[]
}

const quoted: Readonly<Record<Flavour, readonly RegExp[]>> = {
  mysql: [/'(?:[^'\\]|\\.|'')*'/sy, /"(?:[^"\\]|\\.|"")*"/sy, /`(?:[^`]|``)*`/y],
  postgres: [
    /(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'/sy,
    /'(?:[^']|'')*'/y,
    /"(?:[^"]|"")*"/y,
    /(?<![\w$])\$([A-Za-z_]\w*)?\$.*?\$\1\$/sy
  ],
  sqlite: [/'(?:[^']|'')*'/y, /"(?:[^"]|"")*"/y, /`(?:[^`]|``)*`/y, /\[[^\]]*\]/y]
}

const comments: Readonly<Record<Flavour, readonly RegExp[]>> = {
  mysql: [/--(?=\s|$)[^\n]*/y, /#[^\n]*/y, /\/\*(?!M?!).*?\*\//sy],
  postgres: [/--[^\n]*/y, /\/\*.*?\*\//sy],
  sqlite: [/--[^\n]*/y, /\/\*.*?\*\//sy]
}

const parameter = /(?<![:\w])(?::)([A-Za-z_]\w*)/y
const word = /[A-Za-z_][\w$]*/y
const cast = /::|:=/y
const space = /\s+/y

/** Words that no SELECT that reads has, outside quotes; a read-only transaction holds what slips through. */
const writing = new Set(['INTO', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'])

/**
 * Finds the named parameters of one SELECT: not in quotes, comments or casts. Answers what is wrong where it is none, in
 * words for whoever wrote it.
 */
export function parseStatement(sql: string, flavour: Flavour): Statement | string {
  const pieces: string[] = []
  const names: string[] = []
  const words: string[] = []
  let piece = ''
  let ended = false
  for (let at = 0; at < sql.length; ) {
    const take = (...patterns: readonly RegExp[]): RegExpExecArray | undefined => {
      for (const pattern of patterns) {
        pattern.lastIndex = at
        const found = pattern.exec(sql)
        if (found) return found
      }
      return undefined
    }
    const skipped = take(space, ...comments[flavour])
    if (skipped) {
      piece += ' '
      at += skipped[0].length
      continue
    }
    if (ended) return 'expected one statement'
    const kept = take(...quoted[flavour], cast)
    const named = kept ? undefined : take(parameter)
    const written = (kept ?? named) ? undefined : take(word)
    const mistake = (kept ?? named ?? written) ? undefined : mistakeAt(sql, at, flavour)
    if (mistake) return mistake
    if (named) {
      pieces.push(piece)
      names.push(named[1] ?? '')
      piece = ''
    } else if (sql[at] === ';') ended = true
    else piece += (kept ?? written)?.[0] ?? sql[at]
    if (written) words.push(written[0].toUpperCase())
    at += (kept ?? named ?? written)?.[0].length ?? 1
  }
  if (words[0] !== 'SELECT' && words[0] !== 'WITH') return 'expected a SELECT'
  const wrong = words.find((name) => writing.has(name))
  if (wrong) return `expected a SELECT that only reads: ${wrong} is not for it`
  return { pieces: [...pieces, piece], names }
}

function mistakeAt(sql: string, at: number, flavour: Flavour): string | undefined {
  const rest = sql.slice(at)
  if (/^['"`]/.test(rest)) return 'a quote is not closed'
  if (rest.startsWith('/*')) return 'a comment is not closed, or is one that MySQL executes'
  if (rest.startsWith('?') && flavour !== 'postgres') return 'expected parameters by name, such as :username'
  if (/^\$\d/.test(rest) && flavour === 'postgres') return 'expected parameters by name, such as :username'
  return undefined
}

/** A statement with the placeholders of its flavour, and the values in their order. */
export function bound(
  { pieces, names }: Statement,
  flavour: Flavour,
  values: Readonly<Record<string, string | null>>
): { readonly sql: string; readonly values: ReadonlyArray<string | null> } {
  const distinct = [...new Set(names)]
  const numbered = flavour === 'postgres'
  const place = (name: string): string => (numbered ? `$${distinct.indexOf(name) + 1}` : '?')
  const sql = pieces.reduce((text, piece, index) => `${text}${place(names[index - 1] ?? '')}${piece}`)
  return { sql, values: (numbered ? distinct : names).map((name) => values[name] ?? null) }
}
