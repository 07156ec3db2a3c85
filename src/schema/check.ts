import { createRequire } from 'node:module'
import { isDeepStrictEqual } from 'node:util'
import type { TSchema } from 'typebox'

/** Schemas that others refer to by name. */
export type Definitions = Readonly<Record<string, TSchema>>

const require = createRequire(import.meta.url)

/**
 * Whether a value has a schema's shape (JSON Schema 2020-12). The keywords that our own schemas use are checked here: TypeBox
 * takes a tenth of a second to load, and is loaded for a schema with any other one.
 */
export function check(schema: TSchema, value: unknown, definitions: Definitions = {}): boolean {
  if (Reflect.ownKeys(schema).every((name) => isKeyword(name) || annotations.has(name))) {
    const keywords = schema as Rules
    const known = { ...definitions, ...keywords.$defs }
    return Object.keys(schema).every((name) => !isKeyword(name) || passes(name, keywords, value, known))
  }
  const { Check }: typeof import('typebox/schema') = require('typebox/schema')
  return Check(definitions, schema, value)
}

interface Keywords {
  readonly $defs?: Definitions
  readonly $ref?: string
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly TSchema[]
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: TSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly patternProperties?: Readonly<Record<string, TSchema>>
  readonly additionalProperties?: boolean | TSchema
}

type Rules = Required<Keywords>

type Tests = {
  readonly [Name in keyof Rules]: (
    rule: Rules[Name],
    value: unknown,
    fits: (schema: TSchema, item: unknown) => boolean,
    schema: Keywords,
    definitions: Definitions
  ) => boolean
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'
const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: isText,
  number: Number.isFinite,
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: Array.isArray,
  object: isMapping
}

/** In characters, as JSON Schema counts them. */
const lengthOf = (text: string): number => Array.from(text).length

const fitsName = (pattern: string, name: string): boolean => new RegExp(pattern, 'u').test(name)

/** Each passes what it is not about: a length says nothing of a number. */
const tests: Tests = {
  $defs: () => true,
  $ref(name, value, fits, _schema, definitions) {
    const referred = definitions[name]
    return referred !== undefined && fits(referred, value)
  },
  type: (type, value) => types[type]?.(value) === true,
  const: (wanted, value) => isDeepStrictEqual(wanted, value),
  enum: (wanted, value) => wanted.some((one) => isDeepStrictEqual(one, value)),
  anyOf: (variants, value, fits) => variants.some((variant) => fits(variant, value)),
  minLength: (least, value) => !isText(value) || lengthOf(value) >= least,
  maxLength: (most, value) => !isText(value) || lengthOf(value) <= most,
  pattern: (pattern, value) => !isText(value) || fitsName(pattern, value),
  minimum: (least, value) => !isNumber(value) || value >= least,
  maximum: (most, value) => !isNumber(value) || value <= most,
  items: (items, value, fits) => !Array.isArray(value) || value.every((item) => fits(items, item)),
  minItems: (least, value) => !Array.isArray(value) || value.length >= least,
  maxItems: (most, value) => !Array.isArray(value) || value.length <= most,
  uniqueItems: (isUnique, value) =>
    !isUnique ||
    !Array.isArray(value) ||
    value.every((item, at) => !value.slice(0, at).some((before) => isDeepStrictEqual(before, item))),
  required: (names, value) => !isMapping(value) || names.every((name) => Object.hasOwn(value, name)),
  properties: (schemas, value, fits) =>
    !isMapping(value) ||
    Object.entries(value).every(([name, item]) => {
      const inner = Object.hasOwn(schemas, name) ? schemas[name] : undefined
      return inner === undefined || fits(inner, item)
    }),
  patternProperties: (schemas, value, fits) =>
    !isMapping(value) ||
    Object.entries(value).every(([name, item]) =>
      Object.entries(schemas).every(([pattern, inner]) => !fitsName(pattern, name) || fits(inner, item))
    ),
  additionalProperties(rule, value, fits, { properties = {}, patternProperties = {} }) {
    if (rule === true || !isMapping(value)) return true
    const patterns = Object.keys(patternProperties)
    const isKnown = (name: string) =>
      Object.hasOwn(properties, name) || patterns.some((pattern) => fitsName(pattern, name))
    return Object.entries(value).every(([name, item]) => isKnown(name) || (rule !== false && fits(rule, item)))
  }
}

const isKeyword = (name: PropertyKey): name is keyof Rules => Object.hasOwn(tests, name)

/** Keywords and marks of TypeBox's that no value can fail. */
const annotations: ReadonlySet<PropertyKey> = new Set([
  ...['title', 'description', 'default', 'examples', 'expected', 'keys', '$id'],
  ...['~kind', '~optional', '~readonly', '~unsafe']
])

const passes = <Name extends keyof Rules>(
  name: Name,
  schema: Rules,
  value: unknown,
  definitions: Definitions
): boolean => tests[name](schema[name], value, (inner, item) => check(inner, item, definitions), schema, definitions)
