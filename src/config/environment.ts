import { isMapping } from './complete.ts'
import type { Path } from './config-error.ts'

/** The variables that win over the file, and what they set. One that is empty counts as not set. */
const variables: Readonly<Record<string, Path>> = {
  LATCHKEY_ISSUER: ['issuer'],
  LATCHKEY_HOST: ['listen', 'host'],
  LATCHKEY_PORT: ['listen', 'port'],
  LATCHKEY_DATABASE_URL: ['database', 'url'],
  LATCHKEY_SECRET: ['secret']
}

/** A value from the environment, for one place in the configuration. */
export interface Override {
  readonly variable: string
  readonly path: Path
  readonly value: string
}

/** The variables that are set. */
export function overridesIn(env: Readonly<Record<string, string | undefined>>): readonly Override[] {
  return Object.entries(variables).flatMap(([variable, path]) => {
    const value = env[variable]
    return value === undefined || value === '' ? [] : [{ variable, path, value }]
  })
}

/** The tree without what the environment says better, so that nothing in it is filled in for nothing. */
export function withoutOverridden(tree: unknown, overrides: readonly Override[]): unknown {
  const paths: Path[] = overrides.map(({ path }) => path)
  if (overrides.some(({ variable, value }) => variable === 'LATCHKEY_DATABASE_URL' && !needsPassword(value))) {
    paths.push(['database', 'password'])
  }
  return paths.reduce((rest, path) => without(rest, path), tree)
}

/** The tree with the values from the environment. */
export const withOverrides = (tree: unknown, overrides: readonly Override[]): unknown =>
  overrides.reduce((whole, { path, value }) => put(whole, path, value), tree)

/** Whether the file's password belongs to this database too. */
function needsPassword(url: string): boolean {
  return url.startsWith('mysql:') && URL.canParse(url) && new URL(url).password === ''
}

function put(tree: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value
  if (!isMapping(tree) && tree !== undefined && tree !== null) return tree
  return { ...tree, [key]: put(isMapping(tree) ? tree[key] : undefined, rest, value) }
}

function without(tree: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined || !isMapping(tree) || !Object.hasOwn(tree, key)) return tree
  if (rest.length > 0) return { ...tree, [key]: without(tree[key], rest) }
  return Object.fromEntries(Object.entries(tree).filter(([name]) => name !== key))
}
