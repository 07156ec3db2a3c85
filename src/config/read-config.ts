import { lstatSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Config } from './config.ts'
import { ConfigError, type Finding, type Mistake, mistakeOf } from './config-error.ts'
import { type Override, overridesIn, withOverrides, withoutOverridden } from './environment.ts'
import { interpolate, placeOf, reasonOf } from './interpolation.ts'
import { keyFindings } from './key-checks.ts'
import { limitFileFindings } from './limits.ts'
import { mailFileFindings } from './mail.ts'
import { type BackendLoaders, backendTypesOf } from './module-types.ts'
import { resolveConfig } from './resolve.ts'
import { telemetryFileFindings, telemetryVariables } from './telemetry.ts'
import { validate } from './validate.ts'
import type { ParsedYaml } from './yaml.ts'

/** Where the configuration is, and what there is to configure. */
export interface ReadOptions {
  /** What `--config` says. It goes before LATCHKEY_CONFIG, and that before `latchkey.yaml` where the process runs. */
  readonly path?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly definitions: BackendLoaders
  /** Where the process runs; `process.cwd()` unless set. */
  readonly cwd?: string
}

/** What there is where no file is: for the first look, on loopback only. */
const withoutFile: ParsedYaml = {
  tree: { publicClient: true, backends: [{ id: 'local', type: 'local' }] },
  doubled: [],
  locate: mistakeOf
}

/**
 * Reads the file, fills in the environment and secret files, checks everything against everything and answers what the
 * service uses.
 * @throws {ConfigError} names every mistake; a file that was named and isn't there is one
 */
export async function readConfig({ path, env, definitions, cwd = process.cwd() }: ReadOptions): Promise<Config> {
  const file = fileOf(path, env, cwd)
  const baseFolder = file === undefined ? cwd : dirname(file)
  const { tree, doubled, locate } = file === undefined ? withoutFile : await load(file)
  const overrides = overridesIn(env)
  const written = interpolate(withoutOverridden(tree, overrides), { env, baseFolder })
  const substituted = new Set([...written.substituted, ...overrides.map((override) => placeOf(override.path))])
  const whole = withOverrides(written.value, overrides)
  const types = await backendTypesOf(whole, definitions, baseFolder)
  const checked = validate(whole, { substituted, types, hasFile: file !== undefined })
  const found = [...written.findings, ...checked.findings.filter(isNotAmong(written.findings))]
  const inFiles = [keyFindings, telemetryFileFindings, mailFileFindings, limitFileFindings].flatMap((find) =>
    find(checked.file, baseFolder)
  )
  const findings = [...found, ...inFiles.filter(isNotAmong(found))]
  const variables = found.length > 0 ? [] : telemetryVariables(checked.file, env)
  if (doubled.length + findings.length + variables.length > 0) {
    const secrets = [...written.secrets, ...overrides.map(({ value }) => value)]
    const mistakes = findings.map((finding) => withoutSecrets(describe(finding, overrides, locate), secrets))
    throw new ConfigError(file ?? 'configuration', [...doubled, ...mistakes, ...variables.map(mistakeOf)])
  }
  const isWritten = file !== undefined && writesDatabase(tree) && !overrides.some(({ path }) => path[0] === 'database')
  const databaseFolder = isWritten ? baseFolder : cwd
  return resolveConfig(checked.file, {
    ...(file === undefined ? {} : { file }),
    baseFolder,
    databaseFolder,
    env,
    definitions: types.definitions
  })
}

/** A value that could not be filled in is one mistake, whatever its place asks for. */
const isNotAmong = (earlier: readonly Finding[]) => {
  const places = new Set(earlier.map(({ path }) => placeOf(path)))
  return ({ path }: Finding) => !places.has(placeOf(path))
}

/** A type of backend may quote what it can't parse: here it is taken out again. */
function withoutSecrets(mistake: Mistake, secrets: readonly string[]): Mistake {
  const long = secrets.filter((secret) => secret.length >= shortestSecret)
  const clean = (text: string) => long.reduce((rest, secret) => rest.replaceAll(secret, '[…]'), text)
  return { ...mistake, path: clean(mistake.path), message: clean(mistake.message) }
}

/** In characters; anything shorter would take words of our own out of the message. */
const shortestSecret = 6

function describe(finding: Finding, overrides: readonly Override[], locate: (finding: Finding) => Mistake): Mistake {
  const override = overrides.find(({ path }) => placeOf(path) === placeOf(finding.path))
  return override
    ? { ...mistakeOf(finding), message: `${finding.message} (from ${override.variable})` }
    : locate(finding)
}

function fileOf(path: string | undefined, env: ReadOptions['env'], cwd: string): string | undefined {
  const named = path ?? (env.LATCHKEY_CONFIG || undefined)
  if (named !== undefined) return resolve(cwd, named)
  const usual = join(cwd, 'latchkey.yaml')
  if (isThere(usual)) return usual
  const misnamed = ['latchkey.yml', 'latchkey.json'].find((name) => isThere(join(cwd, name)))
  if (misnamed === undefined) return undefined
  throw new ConfigError(join(cwd, misnamed), [
    { path: '', message: 'is not read under this name: call it latchkey.yaml' }
  ])
}

/** A link that leads nowhere is there too: it must not end in the defaults. */
const isThere = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false }) !== undefined

async function load(file: string): Promise<ParsedYaml> {
  const { parseYaml } = await import('./yaml.ts')
  const parsed = parseYaml(textOf(file))
  if (!('locate' in parsed)) throw new ConfigError(file, parsed)
  return { ...parsed, tree: parsed.tree ?? {} }
}

function textOf(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    throw new ConfigError(file, [{ path: '', message: `can't be read: ${reasonOf(error)}` }])
  }
}

function writesDatabase(tree: unknown): boolean {
  if (typeof tree !== 'object' || tree === null || !('database' in tree)) return false
  return typeof tree.database === 'object' && tree.database !== null && 'url' in tree.database
}
