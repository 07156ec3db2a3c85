import Type, { type TSchema } from 'typebox'
import { isMapping } from '../../src/config/complete.ts'
import { Duration } from '../../src/config/units.ts'

/** A key of the configuration as the page documents it. */
export interface Row {
  readonly key: string
  readonly line: string
}

/** The rows of everything below a schema; `prefix` is what stands before its keys. */
export function rowsOf(schema: TSchema, prefix = ''): Row[] {
  if (Type.IsArray(schema)) return rowsOf(schema.items, `${prefix}[]`)
  if (Type.IsRecord(schema)) return rowsOf(Type.RecordValue(schema), `${prefix}.NAME`)
  if (Type.IsUnion(schema)) return schema.anyOf.flatMap((variant) => rowsOf(variant, prefix))
  if (!Type.IsObject(schema)) return []
  return Object.entries(schema.properties).flatMap(([name, inner]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`
    const below = rowsOf(inner, key)
    const isSection = Type.IsObject(inner) && below.length > 0
    return isSection ? below : [{ key, line: rowOf(key, inner) }, ...below]
  })
}

function rowOf(key: string, schema: TSchema): string {
  const { default: preset, description = '' } = schema as { default?: unknown; description?: string }
  const absent = Type.IsOptional(schema) ? '' : '**required**'
  return `| \`${key}\` | ${typeOf(schema)} | ${preset === undefined ? absent : presetOf(preset)} | ${description} |`
}

function typeOf(schema: TSchema): string {
  if (Type.IsUnion(schema)) return schema.anyOf.map(typeOf).join(' or ')
  if (Type.IsEnum(schema)) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (Type.IsLiteral(schema)) return `\`${schema.const}\``
  if (Type.IsBoolean(schema)) return 'boolean'
  if (Type.IsInteger(schema) || Type.IsNumber(schema)) return 'number'
  if (Type.IsString(schema)) return isDuration(schema) ? 'duration' : 'text'
  if (Type.IsArray(schema)) return Type.IsObject(schema.items) ? 'list' : `list of ${typeOf(schema.items)}`
  return Type.IsRecord(schema) ? 'mapping by name' : 'mapping'
}

function presetOf(preset: unknown): string {
  if (isMapping(preset)) return Object.keys(preset).length === 0 ? '' : `\`${JSON.stringify(preset)}\``
  return Array.isArray(preset) ? `\`[${preset.join(', ')}]\`` : `\`${preset}\``
}

const isDuration = (schema: TSchema) => patternOf(schema) === patternOf(Duration)

const patternOf = (schema: TSchema): unknown => Reflect.get(schema, 'pattern')
