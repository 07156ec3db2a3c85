import fc from 'fast-check'
import Fastify from 'fastify'
import t from 'tap'
import { acceptJson } from '../../src/http/bodies.ts'
import type { App } from '../../src/http/server.ts'

const app = Fastify()
acceptJson(app as unknown as App)
app.post('/', async ({ body }) => ({ body: body ?? null }))

const answerTo = (payload: string) =>
  app.inject({ method: 'POST', url: '/', headers: { 'content-type': 'application/json' }, payload })

const space = fc.constantFrom('', ' ', '\n\t', '  ')
/** Texts in which everything stands that JSON writes with. */
const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('"', '\\', ':', '{', ',', 'a', '😀') }))

/** A value as JSON, with room in all places. */
const json: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)).map((value) => JSON.stringify(value)),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 3 }), space)
      .map(([items, room]) => `[${room}${items.join(`${room},`)}${room}]`),
    fc
      .tuple(fc.uniqueArray(text, { maxLength: 4 }), fc.array(tie('value'), { minLength: 4, maxLength: 4 }), space)
      .map(([names, values, room]) => {
        const members = names.map((name, at) => `${JSON.stringify(name)}${room}:${room}${values[at]}`)
        return `{${room}${members.join(`${room},${room}`)}${room}}`
      })
  )
})).value

t.test('a body in which every member comes once is taken as it is', async (t) => {
  await fc.assert(
    fc.asyncProperty(json, async (payload) => {
      const { statusCode, body } = await answerTo(payload)
      return statusCode === 200 && JSON.stringify(JSON.parse(body).body) === JSON.stringify(JSON.parse(payload))
    })
  )
  t.pass()
})

t.test('one in which a member comes twice is refused, wherever it stands', async (t) => {
  await fc.assert(
    fc.asyncProperty(text, json, json, space, async (name, first, second, room) => {
      const member = JSON.stringify(name)
      const doubled = `{${member}${room}:${first},${room}${member}:${room}${second}}`
      for (const payload of [doubled, `[1, ${doubled}]`, `{"outer":${room}${doubled}}`]) {
        const { statusCode, body } = await answerTo(payload)
        if (statusCode !== 400 || !body.includes('The body has a member twice')) return false
      }
      return true
    })
  )
  t.pass()
})
