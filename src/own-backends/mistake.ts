/** Something that a backend of one's own does wrong: a programming error, told with the file that holds it. */
export class BackendMistake extends Error {
  /** As the configuration names it: `./company.ts`. */
  readonly file: string

  constructor(file: string, message: string, cause?: unknown) {
    super(`${file}: ${message}`, { cause })
    this.name = 'BackendMistake'
    this.file = file
  }
}

/** A value that was thrown, as one line: its name and what it says. */
export function thrownText(thrown: unknown): string {
  if (!(thrown instanceof Error))
    return `${typeof thrown === 'string' ? JSON.stringify(thrown) : typeof thrown}, no Error`
  return `${thrown.name}: ${thrown.message.split('\n', 1)[0]}`
}
