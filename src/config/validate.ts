import type { BackendDefinition } from '../auth/define-backend.ts'
import { BackendMistake } from '../own-backends/mistake.ts'
import { backendSchema, Common, ownOptions, sharedWith } from './backend-schema.ts'
import { complete, isMapping } from './complete.ts'
import { type Finding, isWithin, type Path, pointerParts } from './config-error.ts'
import { contradictions } from './contradictions.ts'
import { explain, nearestName } from './explain.ts'
import { ConfigFile } from './schema.ts'
import { soundPart } from './sound.ts'

/** The types of backends that there are. */
export type Definitions = Readonly<Record<string, BackendDefinition>>

/** The types that a file speaks of: those that were loaded, and what is wrong with modules that could not be. */
export interface BackendTypes {
  /** What there is without a module of one's own. */
  readonly names: readonly string[]
  readonly definitions: Definitions
  readonly mistakes: ReadonlyMap<string, string>
}

/** A tree as the schema has it, complete with defaults, or what is wrong with it. */
export interface Validated {
  /** To be used only where there are no findings. */
  readonly file: ConfigFile
  readonly findings: readonly Finding[]
}

/**
 * Checks a filled-in tree against the schema, each backend against its type's, and everything against everything.
 * @param substituted which places were filled in, and so may become numbers
 */
export function validate(
  tree: unknown,
  options: { substituted: ReadonlySet<string>; types: BackendTypes; hasFile: boolean }
): Validated {
  const { substituted, types, hasFile } = options
  const whole = complete(ConfigFile, tree, substituted)
  const items = isMapping(whole) && Array.isArray(whole.backends) ? whole.backends : []
  const backends = items.map((item, index) => validateBackend(item, ['backends', index], substituted, types))
  const found = [...explain(ConfigFile, whole), ...backends.flatMap(({ findings }) => findings)]
  const file = { ...(soundPart(ConfigFile, whole) as ConfigFile), backends: backends.map(({ value }) => value) }
  return { file, findings: [...found, ...contradictions(file, hasFile, found)] }
}

/** One backend with its defaults, and what is wrong with it. */
export interface ValidatedBackend {
  readonly value: unknown
  readonly findings: readonly Finding[]
}

/** Checks one backend against its type. */
export function validateBackend(
  item: unknown,
  path: Path,
  substituted: ReadonlySet<string>,
  { names, definitions, mistakes: broken }: BackendTypes
): ValidatedBackend {
  if (!isMapping(item)) {
    return { value: soundPart(Common, {}), findings: [{ path, message: 'expected a mapping with id and type' }] }
  }
  const definition = typeof item.type === 'string' && Object.hasOwn(definitions, item.type) && definitions[item.type]
  const schema = definition ? backendSchema(definition) : Common
  const value = complete(schema, item, substituted, path)
  const findings = explain(schema, value, path)
  if (!definition) {
    const others = findings.filter(({ path: place }) => !isWithin(place, [...path, 'type']))
    const message = typeof item.type === 'string' ? broken.get(item.type) : undefined
    const finding = message ? { path: [...path, 'type'], message } : unknownType(item.type, path, names)
    return { value: soundPart(Common, value), findings: [finding, ...misspelt(item, path), ...others] }
  }
  const options = ownOptions(definition, isMapping(value) ? value : {})
  const isSpoiled = findings.some(({ surplus, path: [, , key = ''] }) => !surplus && !(key in sharedWith(definition)))
  const own = isSpoiled ? [] : ownFindings(definition, options, value, path)
  return { value: soundPart(schema, value), findings: [...findings, ...own] }
}

function ownFindings(definition: BackendDefinition, options: unknown, value: unknown, path: Path): Finding[] {
  try {
    const mistakes = definition.mistakes?.(options) ?? []
    return mistakes.map(({ path: pointer, message }) => ({ path: below(path, value, pointer), message }))
  } catch (error) {
    if (!(error instanceof BackendMistake)) throw error
    return [{ path: [...path, 'type'], message: error.message }]
  }
}

/** Without a type nothing is known of the other keys, but what was to be the type or the id. */
function misspelt(item: Record<string, unknown>, path: Path): Finding[] {
  const names = Object.keys(Common.properties)
  return Object.keys(item).flatMap((key) => {
    const near = names.includes(key) ? undefined : nearestName(key, names)
    const isMeant = near !== undefined && ['id', 'type'].includes(near) && item[near] === undefined
    return isMeant ? [{ path: [...path, key], message: `unknown key: did you mean ${near}?` }] : []
  })
}

function unknownType(type: unknown, path: Path, names: readonly string[]): Finding {
  const known = `expected ${names.join(', ')}, a file such as ./company.ts or the name of a package`
  const near = typeof type === 'string' ? nearestName(type, names) : undefined
  const message =
    type === undefined ? `is missing: ${known}` : `unknown type: ${near ? `did you mean ${near}?` : known}`
  return { path: [...path, 'type'], message }
}

/** The path of a JSON pointer below a value, its indexes as numbers. */
function below(path: Path, value: unknown, pointer: string): Path {
  let node = value
  return [
    ...path,
    ...pointerParts(pointer).map((part) => {
      const isList = Array.isArray(node)
      node = typeof node === 'object' && node !== null ? Reflect.get(node, part) : undefined
      return isList ? Number(part) : part
    })
  ]
}
