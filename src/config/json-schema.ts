import type { TSchema } from 'typebox'
import { check } from '../schema/check.ts'
import { backendSchema } from './backend-schema.ts'
import { isMapping } from './complete.ts'
import { ConfigFile } from './schema.ts'
import type { Definitions } from './validate.ts'

type Json = Record<string, unknown>

/** A JSON Schema (draft 2020-12) of the file, for editors: what has a default is optional, and `${…}` may stand anywhere. */
export function configSchema(definitions: Definitions): Json {
  const file = forEditors(ConfigFile)
  const properties = asMapping(file.properties)
  const types = Object.keys(definitions)
  const backends = { ...asMapping(properties.backends), items: backendItem(types) }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'latchkey.yaml',
    ...file,
    properties: { ...properties, backends },
    $defs: Object.fromEntries(
      Object.entries(definitions).map(([type, definition]) => [
        nameOf(type),
        backendOf(type, backendSchema(definition))
      ])
    )
  }
}

/** A file, or a package that is hardly a slip of the pen: these have options that nobody knows before they are loaded. */
const ownType = '^(\\.{0,2}/|@|.*latchkey)'

/** A type that is a file or a package holds characters that a reference would have to escape. */
const nameOf = (type: string) => `backend-${type.replace(/[^\w-]+/g, '-')}`

function backendItem(types: readonly string[]): Json {
  return {
    type: 'object',
    required: ['id', 'type'],
    properties: { type: { anyOf: [{ enum: types }, { type: 'string', pattern: ownType }] } },
    allOf: types.map((type) => ({
      if: { properties: { type: { const: type } }, required: ['type'] },
      // biome-ignore lint/suspicious/noThenProperty: the word of JSON Schema
      then: { $ref: `#/$defs/${nameOf(type)}` }
    }))
  }
}

function backendOf(type: string, schema: TSchema): Json {
  const converted = forEditors(schema)
  return { ...converted, properties: { ...asMapping(converted.properties), type: { const: type } } }
}

const forEditors = (schema: TSchema): Json => asMapping(convert(JSON.parse(JSON.stringify(schema))))

const data = new Set(['default', 'enum', 'const', 'examples', 'required'])
const schemasByName = new Set(['properties', 'patternProperties', '$defs'])
const ours = new Set(['expected', 'keys'])

function convert(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(convert)
  if (!isMapping(node)) return node
  const entries = Object.entries(node).filter(([key]) => !ours.has(key))
  const converted = Object.fromEntries(entries.map(([key, value]) => [key, convertKeyword(key, value)]))
  return converted.type === 'object' ? objectFor(converted) : orSubstituted(converted)
}

function convertKeyword(key: string, value: unknown): unknown {
  if (data.has(key)) return value
  if (!schemasByName.has(key)) return convert(value)
  return Object.fromEntries(Object.entries(asMapping(value)).map(([name, schema]) => [name, convert(schema)]))
}

function objectFor({ required, ...schema }: Json): Json {
  const properties = asMapping(schema.properties)
  const needed = (Array.isArray(required) ? required : []).filter((name) => !('default' in asMapping(properties[name])))
  return { additionalProperties: false, ...schema, ...(needed.length > 0 ? { required: needed } : {}) }
}

/** A value that the environment or a secret file will give is no number and no keyword yet. */
function orSubstituted({ description, default: preset, ...schema }: Json): Json {
  const about = {
    ...(description === undefined ? {} : { description }),
    ...(preset === undefined ? {} : { default: preset })
  }
  const isScalar =
    'enum' in schema || 'const' in schema || ['string', 'integer', 'number', 'boolean'].includes(`${schema.type}`)
  if (!isScalar || check(schema, substitution)) return { ...about, ...schema }
  return { ...about, anyOf: [schema, { type: 'string', pattern: '\\$\\{' }] }
}

const substitution = `\${NAME}`

const asMapping = (value: unknown): Json => (isMapping(value) ? value : {})
