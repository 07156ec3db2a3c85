/** Where a value stands in the configuration, from its root. */
export type Path = ReadonlyArray<string | number>

/** Something wrong at one place, as the checks find it. */
export interface Finding {
  readonly path: Path
  readonly message: string
  /** The key should not be there; the rest of its section can be trusted all the same. */
  readonly surplus?: boolean
}

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
  readonly mistakes: readonly Mistake[]

  /** @param source the file's name, or words for where the configuration came from */
  constructor(source: string, mistakes: readonly Mistake[]) {
    super([`${source}: ${count(mistakes.length)}`, ...mistakes.map(describe)].join('\n'))
    this.name = 'ConfigError'
    this.mistakes = mistakes
  }
}

/** A path as people write it: `backends[0].permissions["cn=a,dc=b"]`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    if (!/^[A-Za-z_][\w-]*$/.test(part)) return `${text}[${JSON.stringify(part)}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

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
