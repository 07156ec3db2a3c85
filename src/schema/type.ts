import type TypeBox from 'typebox'

/** The words of TypeBox that the service uses. */
type Words =
  | 'Array'
  | 'Boolean'
  | 'Cyclic'
  | 'Enum'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'Ref'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe'
  | `Is${'Array' | 'Boolean' | 'Cyclic' | 'Enum' | 'Integer' | 'Literal' | 'Number' | 'Object' | 'Optional'}`
  | `Is${'Record' | 'Ref' | 'String' | 'Union'}`
  | `Record${'Pattern' | 'Value'}`

type Options = Readonly<Record<string, unknown>>

/** TypeBox keeps its marks out of the JSON: they are not enumerable. */
const marked = (schema: object, mark: string, value: unknown): object =>
  Object.defineProperty(schema, mark, { value, configurable: true, writable: true })

const copyOf = (schema: object): object => Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema))

const create = (kind: string, keywords: object, options?: Options): object =>
  marked({ ...keywords, ...options }, '~kind', kind)

const creates = (kind: string, type: string) => (options?: Options) => create(kind, { type }, options)

const isOf = (kind: string) => (schema: object) => Reflect.get(schema, '~kind') === kind

const isOptional = (schema: object): boolean => '~optional' in schema

interface RecordSchema {
  readonly patternProperties: Readonly<Record<string, object>>
}

const patternOf = ({ patternProperties }: RecordSchema): string => Object.keys(patternProperties)[0] ?? ''

const builders = {
  Array: (items: object, options?: Options) => create('Array', { type: 'array', items }, options),
  Boolean: creates('Boolean', 'boolean'),
  Cyclic(definitions: Readonly<Record<string, object>>, $ref: string, options?: Options) {
    const named = Object.entries(definitions).map(([$id, schema]) => [$id, Object.assign(copyOf(schema), { $id })])
    return create('Cyclic', { $defs: Object.fromEntries(named), $ref }, options)
  },
  Enum: (values: readonly unknown[], options?: Options) => create('Enum', { enum: values }, options),
  Integer: creates('Integer', 'integer'),
  Literal: (value: unknown, options?: Options) => create('Literal', { type: typeof value, const: value }, options),
  Null: creates('Null', 'null'),
  Number: creates('Number', 'number'),
  Object(properties: Readonly<Record<string, object>>, options?: Options) {
    const required = Object.entries(properties).flatMap(([name, inner]) => (isOptional(inner) ? [] : [name]))
    return create('Object', { type: 'object', ...(required.length > 0 ? { required } : {}), properties }, options)
  },
  Optional: (schema: object) => marked(copyOf(schema), '~optional', true),
  Record: (key: { pattern?: string }, value: object, options?: Options) =>
    create('Record', { type: 'object', patternProperties: { [key.pattern ?? '^.*$']: value } }, options),
  Ref: (name: string, options?: Options) => create('Ref', { $ref: name }, options),
  String: creates('String', 'string'),
  Union: (anyOf: readonly object[], options?: Options) => create('Union', { anyOf }, options),
  Unknown: (options?: Options) => create('Unknown', {}, options),
  Unsafe: (schema: object) => marked(copyOf(schema), '~unsafe', null),

  IsArray: isOf('Array'),
  IsBoolean: isOf('Boolean'),
  IsCyclic: isOf('Cyclic'),
  IsEnum: isOf('Enum'),
  IsInteger: isOf('Integer'),
  IsLiteral: isOf('Literal'),
  IsNumber: isOf('Number'),
  IsObject: isOf('Object'),
  IsOptional: isOptional,
  IsRecord: isOf('Record'),
  IsRef: isOf('Ref'),
  IsString: isOf('String'),
  IsUnion: isOf('Union'),
  RecordPattern: patternOf,
  RecordValue: (schema: RecordSchema) => schema.patternProperties[patternOf(schema)]
} satisfies Record<Words, unknown>

/**
 * TypeBox's words with its types, over builders of our own: its package is 500 modules, which at each start cost a quarter
 * of a second and 15 MB. What these build is what TypeBox builds, marks included, and either's guards know the other's
 * schemas: a test holds them together, and the one cast with it.
 */
export default builders as unknown as Pick<typeof TypeBox, Words>
