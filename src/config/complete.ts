import type { TSchema, TUnion } from 'typebox'
import { check, type Definitions } from '../schema/check.ts'
import Type from '../schema/type.ts'
import type { Path } from './config-error.ts'
import { definitionsOf, referred, variantFor } from './explain.ts'
import { placeOf } from './interpolation.ts'

/**
 * A value with the schema's defaults where it says nothing, and numbers and booleans in place of the text that was filled
 * in for them. What does not fit stays as it is, for `explain` to tell.
 */
export function complete(
  schema: TSchema,
  value: unknown,
  substituted: ReadonlySet<string>,
  path: Path = [],
  definitions: Definitions = {}
): unknown {
  const known = definitionsOf(schema, definitions)
  const within = (inner: TSchema, item: unknown, part?: string | number) =>
    complete(inner, item, substituted, part === undefined ? path : [...path, part], known)
  const preset = defaultOf(schema)
  if (value === undefined) return preset === undefined ? undefined : within(schema, structuredClone(preset))
  const target = referred(schema, known)
  if (target !== undefined) return within(target, value)
  if (typeof value === 'string' && substituted.has(placeOf(path))) return scalarFor(schema, value)
  if (Type.IsUnion(schema)) return within(variantFor(schema, value, known) ?? Type.Unknown(), value)
  if (Type.IsArray(schema) && Array.isArray(value)) return value.map((item, index) => within(schema.items, item, index))
  if (!isMapping(value)) return value
  if (Type.IsRecord(schema)) {
    const inner = Type.RecordValue(schema)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, within(inner, item, key)]))
  }
  if (!Type.IsObject(schema)) return value
  const stated = Object.entries(schema.properties).map(
    ([key, inner]) => [key, within(inner, own(value, key), key)] as const
  )
  return { ...value, ...Object.fromEntries(stated.filter(([, item]) => item !== undefined)) }
}

/** Whether a value is a YAML mapping. */
export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const own = (value: Record<string, unknown>, key: string) => (Object.hasOwn(value, key) ? value[key] : undefined)

const defaultOf = (schema: TSchema): unknown => ('default' in schema ? schema.default : undefined)

function scalarFor(schema: TSchema, text: string): unknown {
  const variants: readonly TSchema[] = Type.IsUnion(schema) ? (schema as TUnion).anyOf : [schema]
  if (variants.some((variant) => check(variant, text))) return text
  const scalar = scalarIn(text)
  return variants.some((variant) => check(variant, scalar)) ? scalar : text
}

function scalarIn(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text
}
