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
