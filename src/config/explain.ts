import { distance } from 'fastest-levenshtein'
import type { TObject, TRecord, TSchema, TUnion } from 'typebox'
import { check, type Definitions } from '../schema/check.ts'
import Type from '../schema/type.ts'
import { type Finding, isPlainKey, type Path } from './config-error.ts'
import { expected } from './expected.ts'

/** The definitions in force below a schema. */
export const definitionsOf = (schema: TSchema, outer: Definitions): Definitions =>
  Type.IsCyclic(schema) ? { ...outer, ...schema.$defs } : outer

/** The schema that another one refers to by name. */
export const referred = (schema: TSchema, definitions: Definitions): TSchema | undefined =>
  Type.IsCyclic(schema) || Type.IsRef(schema) ? definitions[schema.$ref] : undefined

/**
 * Everything in which a value differs from its schema, each with its place and what was expected there. A schema of an
 * object that doesn't say otherwise is closed: a key that it doesn't name is a mistake.
 */
export function explain(schema: TSchema, value: unknown, path: Path = [], outer: Definitions = {}): Finding[] {
  const definitions = definitionsOf(schema, outer)
  const target = referred(schema, definitions)
  if (target !== undefined) return explain(target, value, path, definitions)
  const within = (inner: TSchema, item: unknown, part: string | number) =>
    explain(inner, item, [...path, part], definitions)
  const findings = partsOf(schema, value, path, within, definitions)
  if (findings.length > 0 || check(schema, value, definitions)) return findings
  if (value === undefined) return [{ path, message: `is missing: expected ${expected(schema)}` }]
  if (value === null) return [{ path, message: `has no value: expected ${expected(schema)}` }]
  return [
    {
      path,
      message: `expected ${expected(schema)}${isMeantAsText(schema, value, definitions) ? ': put it in quotes' : ''}`
    }
  ]
}

/** YAML reads a text of digits, and the word true, as something else. */
const isMeantAsText = (schema: TSchema, value: unknown, definitions: Definitions): boolean =>
  (typeof value === 'number' || typeof value === 'boolean') && check(schema, String(value), definitions)

/** The variant of a union that a value fits or, where it fits none, was most probably meant for. */
export function variantFor(union: TUnion, value: unknown, definitions: Definitions): TSchema | undefined {
  const variants: readonly TSchema[] = union.anyOf
  const fitting = variants.find((variant) => check(variant, value, definitions))
  if (fitting !== undefined) return fitting
  const alike = variants.filter((variant) => isAlike(referred(variant, definitions) ?? variant, value))
  const [best] = alike
    .map((variant) => ({ variant, findings: explain(variant, value, [], definitions).length }))
    .sort((a, b) => a.findings - b.findings)
  return best?.variant
}

type Within = (schema: TSchema, value: unknown, part: string | number) => Finding[]

function partsOf(schema: TSchema, value: unknown, path: Path, within: Within, definitions: Definitions): Finding[] {
  if (Type.IsUnion(schema)) return unionParts(schema, value, path, definitions)
  if (Type.IsArray(schema)) {
    return Array.isArray(value) ? value.flatMap((item, index) => within(schema.items, item, index)) : []
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const entries = Object.entries(value)
  if (Type.IsRecord(schema)) return recordParts(schema, entries, path, within)
  return Type.IsObject(schema) ? objectParts(schema, new Map(entries), path, within) : []
}

/** Keys that the variant which was meant does not know are held against all variants: each may know some of them. */
function unionParts(union: TUnion, value: unknown, path: Path, definitions: Definitions): Finding[] {
  const variant = variantFor(union, value, definitions)
  const found = variant === undefined ? [] : explain(variant, value, path, definitions)
  const nested = found.filter((finding) => finding.path.length > path.length)
  const names = namesIn(union, definitions)
  if (typeof value !== 'object' || value === null || Array.isArray(value) || names.length === 0) return nested
  const known = Object.keys(value).filter((key) => names.includes(key))
  const isOwnKey = (finding: Finding) => finding.surplus === true && finding.path.length === path.length + 1
  if (known.length === 0)
    return nested
      .filter(isOwnKey)
      .map((finding) => ({ ...finding, surplus: false, message: unknownKey(String(finding.path.at(-1)), names) }))
  return nested.map((finding) => {
    const key = String(finding.path.at(-1))
    if (!isOwnKey(finding) || !names.includes(key)) return finding
    return { ...finding, message: `cannot stand beside ${known.find((other) => other !== key)}` }
  })
}

/** The keys that the variants know between them; none where one takes any key. */
function namesIn(union: TUnion, definitions: Definitions): string[] {
  const variants = union.anyOf.map((variant) => referred(variant, definitions) ?? variant)
  if (variants.some((variant) => Type.IsRecord(variant))) return []
  return [...new Set(variants.flatMap((variant) => (Type.IsObject(variant) ? Object.keys(variant.properties) : [])))]
}

function recordParts(schema: TRecord, entries: Array<[string, unknown]>, path: Path, within: Within): Finding[] {
  const key = new RegExp(Type.RecordPattern(schema), 'u')
  const wanted = 'keys' in schema ? `expected ${schema.keys} as key` : 'this key is not possible here'
  return entries.flatMap(([name, item]) => {
    if (item === null) return [{ path: [...path, name], message: 'has no value', isUnshown: true }]
    return key.test(name) ? within(Type.RecordValue(schema), item, name) : [{ path: [...path, name], message: wanted }]
  })
}

function objectParts(schema: TObject, values: Map<string, unknown>, path: Path, within: Within): Finding[] {
  const names = Object.keys(schema.properties)
  const isOpen = 'additionalProperties' in schema && schema.additionalProperties !== false
  const surplus = isOpen ? [] : [...values.keys()].filter((key) => !names.includes(key))
  return [
    ...surplus.map((key) => ({
      ...{ path: [...path, key], message: unknownKey(key, names), surplus: true },
      isUnshown: values.get(key) === null || !isPlainKey(key)
    })),
    ...Object.entries(schema.properties).flatMap(([key, inner]) =>
      values.has(key) || !Type.IsOptional(inner) ? within(inner, values.get(key), key) : []
    )
  ]
}

/** The known name that was probably meant. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => slips(name.toLowerCase(), candidate.toLowerCase()))
  const least = Math.min(...distances)
  const nearest = known[distances.indexOf(least)]
  return nearest !== undefined && least <= Math.max(1, Math.floor(nearest.length / 3)) ? nearest : undefined
}

/** How many slips of the pen lie between two words; two letters that changed places are one. */
function slips(word: string, other: string): number {
  const swapped = Array.from(
    word,
    (_, at) => `${word.slice(0, at)}${word[at + 1] ?? ''}${word[at]}${word.slice(at + 2)}`
  )
  return swapped.includes(other) ? 1 : distance(word, other)
}

function unknownKey(key: string, names: readonly string[]): string {
  const nearest = nearestName(key, names)
  if (nearest !== undefined) return `unknown key: did you mean ${nearest}?`
  return `unknown key: ${names.length === 0 ? 'none is' : `known are ${names.join(', ')}`}`
}

function isAlike(schema: TSchema, value: unknown): boolean {
  if (Array.isArray(value)) return Type.IsArray(schema)
  return typeof value === 'object' && value !== null && (Type.IsObject(schema) || Type.IsRecord(schema))
}
