import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Finding, Path } from './config-error.ts'

/** Where values come from. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder that relative names in `${file:…}` start from. */
  readonly baseFolder: string
}

/** A tree whose strings are filled in. */
export interface Interpolated {
  readonly value: unknown
  /** Which places were filled in, by `placeOf`: these may become numbers and booleans. */
  readonly substituted: ReadonlySet<string>
  /** What they were filled in with. */
  readonly secrets: ReadonlySet<string>
  readonly findings: readonly Finding[]
}

/** A path as a key of a set. */
export const placeOf = (path: Path): string => JSON.stringify(path)

/**
 * Fills in `${NAME}` and `${file:…}` (less one newline at its end) in every string; `$${` is a literal `${`. What is filled
 * in is never read again, and neither it nor what surrounds it appears in a finding.
 */
export function interpolate(tree: unknown, sources: Sources): Interpolated {
  const substituted = new Set<string>()
  const secrets = new Set<string>()
  const findings: Finding[] = []
  const walk = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') return fill(value, path)
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [checkedKey(key, path), walk(item, [...path, key])])
    )
  }
  const fill = (text: string, path: Path): string =>
    text.replace(/\$\$\{|\$\{([^{}]*)\}|\$\{/g, (found, name: string | undefined) => {
      if (found === '$${') return '${'
      substituted.add(placeOf(path))
      const answer = name === undefined ? malformed : lookUp(name, sources)
      if (typeof answer === 'string') {
        secrets.add(answer)
        return answer
      }
      findings.push({ path, message: answer.problem })
      return ''
    })
  const checkedKey = (key: string, path: Path): string => {
    if (key.includes('${')) findings.push({ path: [...path, key], message: 'is a key, and only values are filled in' })
    return key
  }
  return { value: walk(tree, []), substituted, secrets, findings }
}

interface Problem {
  readonly problem: string
}

const malformed: Problem = { problem: `expected \${NAME} or \${file:/path}; a literal \${ is written $\${` }

function lookUp(name: string, { env, baseFolder }: Sources): string | Problem {
  if (name.startsWith('file:')) return contentOf(name.slice('file:'.length), baseFolder)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return malformed
  return env[name] ?? { problem: `the environment variable ${name} is not set` }
}

function contentOf(name: string, baseFolder: string): string | Problem {
  if (name === '') return malformed
  try {
    const bytes = readFileSync(resolve(baseFolder, name))
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch (error) {
    return { problem: `the file ${name} can't be read: ${reasonOf(error)}` }
  }
}

/** Why a file can't be read, in a word of the system's. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return 'it is no UTF-8'
  if (error.code === 'ENOENT') return 'there is no such file'
  if (error.code === 'EISDIR') return 'it is a folder (EISDIR)'
  if (error.code === 'EACCES') return 'this process may not read it (EACCES)'
  return String(error.code) === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is no UTF-8' : String(error.code)
}
