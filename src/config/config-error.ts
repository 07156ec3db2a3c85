/** Where a value stands in the configuration, from its root. */
export type Path = ReadonlyArray<string | number>

/** Something wrong at one place, as the checks find it. */
export interface Finding {
  readonly path: Path
  readonly message: string
  /** The key should not be there; all else is as it should be. */
  readonly surplus?: boolean
  /** The last part of the path may be a slip of the pen in a secret, and is not to be shown. */
  readonly isUnshown?: boolean
  /** Other places that it is a contradiction to. */
  readonly against?: readonly Path[]
}

/** Whether a place is another one, or below it. */
export const isWithin = (path: Path, outer: Path): boolean => outer.every((part, index) => part === path[index])

/** One mistake in the configuration. Holds no value of it, since any may be a secret. */
export interface Mistake {
  /** `backends[0].servers[1]`; empty for the file as a whole. */
  readonly path: string
  /** What was expected there. */
  readonly message: string
  /** Where it stands in the file, both from 1. */
  readonly line?: number
  readonly column?: number
}

/** The configuration can't be used; `mistakes` are all that were found, and `message` lists them one a line. */
export class ConfigError extends Error {
  readonly source: string
  readonly mistakes: readonly Mistake[]

  /** @param source the file's name, or words for where the configuration came from */
  constructor(source: string, mistakes: readonly Mistake[]) {
    const inOrder = mistakes.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
    super([`${source}: ${count(mistakes.length)}`, ...inOrder.map(describe)].join('\n'))
    this.name = 'ConfigError'
    this.source = source
    this.mistakes = inOrder
  }
}

/** A path as people write it: `backends[0].permissions["cn=a,dc=b"]`. */
function pathText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    if (!/^[A-Za-z_][\w-]*$/.test(part)) return `${text}[${JSON.stringify(part)}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

/** A finding as people read it. */
export const mistakeOf = ({ path, message, isUnshown }: Finding): Mistake =>
  isUnshown ? { path: `${pathText(path.slice(0, -1))}[…]`, message } : { path: pathText(path), message }

/** Whether a key is surely one: anything else may be a slip of the pen in a secret, and is not shown. */
export const isPlainKey = (key: string): boolean => /^[A-Za-z][A-Za-z0-9_-]{0,31}$/.test(key)

/** The parts of a JSON pointer (RFC 6901). An index stays text, since only the value tells it from a key. */
export function pointerParts(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const count = (mistakes: number) => (mistakes === 1 ? '1 mistake' : `${mistakes} mistakes`)

function describe({ path, message, line, column }: Mistake): string {
  const place = line === undefined ? '' : `line ${line}, column ${column ?? 1}: `
  return `  ${place}${path === '' ? '' : `${path}: `}${message}`
}
