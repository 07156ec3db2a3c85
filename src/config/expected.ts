import type { TSchema } from 'typebox'
import Type from '../schema/type.ts'

/** What a schema asks for, in plain words; its own words (`expected`) go first. */
export function expected(schema: TSchema): string {
  if ('expected' in schema) return String(schema.expected)
  if (Type.IsUnion(schema)) return list(schema.anyOf.map(expected))
  if (Type.IsEnum(schema)) return list(schema.enum.map(String))
  if (Type.IsLiteral(schema)) return String(schema.const)
  if (Type.IsBoolean(schema)) return 'true or false'
  if (Type.IsInteger(schema) || Type.IsNumber(schema)) return numberOf(schema)
  if (Type.IsString(schema)) return stringOf(schema)
  if (Type.IsArray(schema)) return 'minItems' in schema ? 'a list that is not empty' : 'a list'
  if (Type.IsObject(schema) || Type.IsRecord(schema)) return 'a mapping of keys to values'
  return 'something else'
}

const list = (words: readonly string[]): string => {
  const unique = [...new Set(words)]
  const last = unique.pop() ?? 'nothing'
  return unique.length === 0 ? last : `${unique.join(', ')} or ${last}`
}

function numberOf(schema: TSchema & { minimum?: unknown; maximum?: unknown }): string {
  const kind = Type.IsInteger(schema) ? 'a whole number' : 'a number'
  const { minimum, maximum } = schema
  if (minimum !== undefined && maximum !== undefined) return `${kind} from ${minimum} to ${maximum}`
  if (minimum !== undefined) return `${kind}, at least ${minimum}`
  return maximum === undefined ? kind : `${kind}, at most ${maximum}`
}

function stringOf(schema: TSchema & { minLength?: number; maxLength?: number; pattern?: unknown }): string {
  const { minLength = 0, maxLength, pattern } = schema
  const least = minLength === 1 ? ' that is not empty' : minLength > 1 ? ` of at least ${minLength} characters` : ''
  const most = maxLength === undefined ? '' : `, at most ${maxLength} characters`
  return `text${least}${most}${pattern === undefined ? '' : ', in the form that the documentation tells'}`
}
