import type { TSchema } from 'typebox'
import { check } from '../schema/check.ts'
import Type from '../schema/type.ts'
import { complete, isMapping } from './complete.ts'
import { variantFor } from './explain.ts'

/**
 * What of a value is as its schema says, with harmless values in place of the rest, so that the rest of the mistakes can
 * be looked for.
 */
export function soundPart(schema: TSchema, value: unknown): unknown {
  const isSound: boolean = check(schema, value)
  if (isSound) return value
  if (value === undefined || Type.IsUnion(schema)) return soundVariant(schema, value)
  if (Type.IsArray(schema)) return Array.isArray(value) ? value.map((item) => soundPart(schema.items, item)) : []
  if (Type.IsRecord(schema)) {
    const key = new RegExp(Type.RecordPattern(schema), 'u')
    const entries = Object.entries(isMapping(value) ? value : {}).filter(([name]) => key.test(name))
    return Object.fromEntries(entries.map(([name, item]) => [name, soundPart(Type.RecordValue(schema), item)]))
  }
  if (!Type.IsObject(schema)) return soundVariant(schema, undefined)
  const values = new Map(Object.entries(isMapping(value) ? value : {}))
  return Object.fromEntries(
    Object.entries(schema.properties).flatMap(([name, inner]) => {
      const isLeftOut = Type.IsOptional(inner) && !check(inner, values.get(name))
      return isLeftOut ? [] : [[name, soundPart(inner, values.get(name))]]
    })
  )
}

function soundVariant(schema: TSchema, value: unknown): unknown {
  const preset = complete(schema, undefined, new Set())
  if (preset !== undefined) return preset
  if (Type.IsUnion(schema)) return soundPart(variantFor(schema, value, {}) ?? schema.anyOf[0] ?? Type.Unknown(), value)
  if (Type.IsObject(schema) || Type.IsRecord(schema)) return soundPart(schema, {})
  if (Type.IsEnum(schema)) return schema.enum[0]
  if (Type.IsArray(schema)) return []
  if (Type.IsBoolean(schema)) return false
  return Type.IsInteger(schema) || Type.IsNumber(schema) ? 0 : ''
}
