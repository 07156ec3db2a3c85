import fc from 'fast-check'
import Fastify from 'fastify'
import t from 'tap'
import { administrative } from '../../src/http/schemas/admin.ts'
import { shared } from '../../src/http/schemas.ts'
import type { App } from '../../src/http/server.ts'
import { validateLazily } from '../../src/http/validation.ts'

t.test('no schema of ours makes the validator say anything on standard error', async (t) => {
  const warned = t.capture(console, 'warn')
  const schemas = [...shared, ...administrative]
  const app = Fastify()
  for (const schema of schemas) app.addSchema(schema)
  validateLazily(app as unknown as App, { schemas })
  const names = schemas.map((schema) => String(Reflect.get(schema, '$id')))
  for (const name of names) app.post(`/${name}`, { schema: { body: { $ref: `${name}#` } } }, async () => 'fits')
  for (const name of names) {
    const { statusCode } = await app.inject({ method: 'POST', url: `/${name}`, payload: { 'no such field': {} } })
    t.ok([200, 400].includes(statusCode), `${name} ${statusCode}`)
  }
  t.same(warned(), [])
})

t.test('lengths are those of JSON Schema: characters, and no code units', async (t) => {
  const app = Fastify()
  validateLazily(app as unknown as App, { schemas: [] })
  for (const [path, limits] of Object.entries({
    least: { minLength: 2 },
    most: { maxLength: 4 },
    both: { minLength: 2, maxLength: 3 }
  }))
    app.post(`/${path}`, { schema: { body: { type: 'string', ...limits } } }, async () => 'fits')
  const length = fc
    .integer({ min: 0, max: 6 })
    .chain((size) => fc.array(fc.constantFrom('a', 'é', '€', '😀', '\u{10ffff}'), { minLength: size, maxLength: size }))
  await fc.assert(
    fc.asyncProperty(length, async (characters) => {
      for (const [path, fits] of [
        ['least', characters.length >= 2],
        ['most', characters.length <= 4],
        ['both', characters.length >= 2 && characters.length <= 3]
      ] as const) {
        const payload = JSON.stringify(characters.join(''))
        const headers = { 'content-type': 'application/json' }
        const { statusCode } = await app.inject({ method: 'POST', url: `/${path}`, headers, payload })
        if (statusCode !== (fits ? 200 : 400)) return false
      }
      return true
    })
  )
  const { body } = await app.inject({
    method: 'POST',
    url: '/most',
    headers: { 'content-type': 'application/json' },
    payload: '"12345"'
  })
  t.match(body, 'must NOT have more than 4 characters')
})

t.test('an integer in a query is decimal digits, and within its limits', async (t) => {
  const app = Fastify()
  validateLazily(app as unknown as App, { schemas: [] })
  const limit = { type: 'integer', minimum: -5, maximum: 200, default: 50 }
  app.get('/', { schema: { querystring: { type: 'object', properties: { limit } } } }, async ({ query }) => query)
  const limitOf = async (query: string) => {
    const answer = await app.inject({ url: `/${query}` })
    return answer.statusCode === 200 ? answer.json<{ limit: number }>().limit : answer.statusCode
  }
  t.same(await Promise.all(['', '?limit=200', '?limit=-5', '?limit=007'].map(limitOf)), [50, 200, -5, 7])
  const odd = [
    'Infinity',
    '-Infinity',
    '1e400',
    '1e999',
    'NaN',
    '0x10',
    '+5',
    ' 5',
    '1e2',
    '1.0',
    '',
    'null',
    '201',
    '-6'
  ]
  for (const one of odd) t.equal(await limitOf(`?limit=${encodeURIComponent(one)}`), 400, one)
  t.equal(await limitOf(`?limit=${'9'.repeat(400)}`), 400)
})
