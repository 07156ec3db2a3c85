import fc from 'fast-check'
import t from 'tap'
import TypeBox, { type TSchema } from 'typebox'
import { Check } from 'typebox/schema'
import { check } from '../../src/schema/check.ts'
import Type from '../../src/schema/type.ts'

type Builders = typeof Type

/** The same schemas, built by either. */
const built = (T: Builders): TSchema[] => [
  T.String(),
  T.String({ minLength: 1, maxLength: 3, pattern: '^a', description: 'text', expected: 'a word' }),
  T.Integer({ minimum: 1, maximum: 5 }),
  T.Number({ default: 0.5 }),
  T.Boolean(),
  T.Null(),
  T.Unknown(),
  T.Literal('a'),
  T.Literal(false),
  T.Literal(1, { description: 'one' }),
  T.Enum(['a', 'b'], { default: 'a' }),
  T.Array(T.String(), { minItems: 1, maxItems: 2, uniqueItems: true }),
  T.Object({}),
  T.Object({ a: T.String(), b: T.Optional(T.Integer()) }, { additionalProperties: false }),
  T.Object({ b: T.Optional(T.Integer({ default: 1 })) }, { additionalProperties: T.Boolean() }),
  T.Record(T.String(), T.Integer()),
  T.Record(T.String({ pattern: '^a' }), T.String(), { additionalProperties: false, default: {} }),
  T.Union([T.String({ maxLength: 1 }), T.Object({ a: T.Null() })]),
  T.Optional(T.Union([T.Literal(false), T.Array(T.Integer())])),
  T.Ref('Error#'),
  T.Cyclic({ A: T.Object({ a: T.Optional(T.Ref('A')) }) }, 'A', { description: 'itself' }),
  T.Unsafe({ type: 'string' })
]

/** A schema with its marks, which are not enumerable. */
const unveiled = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(unveiled)
  const properties = Object.entries(Object.getOwnPropertyDescriptors(value))
  const named = properties.map(([name, { enumerable, value: inner }]) => ({ name, enumerable, inner: unveiled(inner) }))
  return [...named.filter(({ enumerable }) => enumerable), ...named.filter(({ enumerable }) => !enumerable)]
}

t.test('our builders build what TypeBox builds, marks included', async (t) => {
  const theirs = built(TypeBox)
  for (const [at, schema] of built(Type).entries())
    t.same(unveiled(schema), unveiled(theirs[at]), JSON.stringify(schema))
})

t.test('either of the two knows the schemas of the other', async (t) => {
  const guards = Object.keys(Type).filter((name) => name.startsWith('Is'))
  t.ok(guards.length >= 13)
  const answers = (T: Builders, schema: TSchema) => guards.map((name) => Reflect.get(T, name)(schema))
  for (const schema of [...built(Type), ...built(TypeBox)]) t.same(answers(Type, schema), answers(TypeBox, schema))
  const [record] = built(TypeBox).filter(Type.IsRecord)
  t.equal(record && Type.RecordPattern(record), '^.*$')
  t.match(record && Type.RecordValue(record), { type: 'integer' })
})

const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, '', 'a', 'b', 'ab', 'aaaa', '\u{1f600}', 'a\u{1f600}', 'e\u0301'),
  fc.constantFrom<unknown>(0, 1, 5, 6, -1, 0.5, Number.POSITIVE_INFINITY, Number.NaN)
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'ab', 'c', 'toString'), tie('any'), { maxKeys: 3 })
  )
})).any

t.test('a value passes where TypeBox lets it pass', async (t) => {
  const schemas = built(Type).filter((schema) => !Type.IsRef(schema))
  const verdicts = { true: 0, false: 0 }
  fc.assert(
    fc.property(fc.constantFrom(...schemas), fc.oneof(fc.constant(undefined), value), (schema, item) => {
      const expected = Check(schema, item)
      verdicts[`${expected}`]++
      return check(schema, item) === expected
    }),
    { numRuns: 3000 }
  )
  t.ok(verdicts.true > 200 && verdicts.false > 200)
})

t.test('a schema with other keywords, also deep within, is checked by TypeBox', async (t) => {
  const both = TypeBox.Intersect([TypeBox.Object({ a: TypeBox.String() }), TypeBox.Object({ b: TypeBox.Integer() })])
  t.ok(check(Type.Array(both), [{ a: '', b: 1 }]))
  t.notOk(check(Type.Array(both), [{ a: '', b: '' }]))
  const even = TypeBox.Refine(TypeBox.Integer(), (number) => number % 2 === 0)
  t.ok(check(even, 2))
  t.notOk(check(even, 3))
  const tree = TypeBox.Cyclic({ Tree: TypeBox.Object({ below: TypeBox.Array(TypeBox.Ref('Tree')) }) }, 'Tree')
  t.ok(check(tree, { below: [{ below: [] }] }))
  t.notOk(check(tree, { below: [{}] }))
  t.ok(check(Type.Array(Type.Ref('Word')), ['a'], { Word: Type.String() }))
  t.notOk(check(Type.Array(Type.Ref('Word')), [1], { Word: Type.String() }))
})
