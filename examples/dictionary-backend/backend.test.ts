import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conformanceOf, openBackend } from 'latchkey/testing'
import dictionary from './backend.ts'

/** argon2id of `correct horse battery`. */
const passwordHash = '$argon2id$v=19$m=19456,t=2,p=1$xQQ/hBJDPZf/hYERvulRLg$ReauFfWL3DgfVsxYViP8WbK2vE9PqhCosdaoEeeZ+fw'

const users = {
  ada: { email: 'ada@example.com', passwordHash, firstName: 'Ada', lastName: 'Lovelace' },
  bob: { email: 'bob@example.com', passwordHash },
  eve: { email: 'eve@example.com', passwordHash, disabled: true }
}
const options = { users, admin: 'ada', adminPermissions: ['blog.add_post', 'blog.delete_post'] }

test('the dictionary is a backend as every other', (t) =>
  conformanceOf(t, async () => ({
    backend: await openBackend(dictionary, options),
    username: 'bob',
    password: 'correct horse battery',
    disabled: { username: 'eve', password: 'correct horse battery' }
  })))

test('the magic admin holds what is listed, and nobody else does', async () => {
  const backend = await openBackend(dictionary, options)
  const context = { ...quiet, signal: AbortSignal.timeout(1000) }
  const permissionsOf = async (subject: string | null) =>
    (await backend.permissions?.({ subject }, context))?.grants.map(({ permission }) => permission)
  assert.deepEqual(await permissionsOf('ada'), ['blog.add_post', 'blog.delete_post'])
  assert.deepEqual(await permissionsOf('bob'), [])
  assert.deepEqual(await permissionsOf(null), [])
})

test('a mistake in the options is told with its place', async () => {
  await assert.rejects(openBackend(dictionary, { users, admin: 'mallory' }), /admin: is none of the users/)
  await assert.rejects(openBackend(dictionary, { users, admn: 'ada' }), /admn: unknown key: did you mean admin\?/)
})

const quiet = {
  remainingMs: () => 1000,
  log: { debug() {}, info() {}, warn() {}, error() {} },
  clientId: 'test',
  ip: '192.0.2.1'
}
