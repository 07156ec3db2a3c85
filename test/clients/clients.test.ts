import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { createAssertions } from '../../src/clients/assertions.ts'
import { type ClientDefinition, mayUse } from '../../src/clients/client.ts'
import { createClientRegistry } from '../../src/clients/registry.ts'
import { createSecret, matchesSecret, rotated, storedSecret } from '../../src/clients/secret.ts'
import { TemporarilyUnavailable } from '../../src/errors.ts'
import { createRates } from '../../src/limits/rates.ts'
import { createSingleUse } from '../../src/single-use.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const start = 1_767_225_600_000
const definition: ClientDefinition = {
  ...{ authentication: ['private_key_jwt'], grants: ['password'], audiences: ['a'], chooseBackend: false },
  ...{ permissions: [], allowPrivate: [], forwardedFor: [] }
}

t.test('a client of the database is read once in two seconds, and an outage is not remembered', async (t) => {
  let at = start
  let reads = 0
  let isDown = false
  const registry = createClientRegistry({
    configured: [{ ...definition, id: 'fixed', secrets: ['x'] }],
    store: {
      async byId(id) {
        reads++
        if (isDown) throw new TemporarilyUnavailable()
        return { id, definition: {}, secrets: [], createdAt: start, updatedAt: start }
      }
    },
    ...{ define: () => definition, createMatcher: () => () => false, log, now: () => at }
  })
  await Promise.all([registry.byId('a'), registry.byId('a'), registry.byId('fixed')])
  t.equal(reads, 1, 'one of the configuration is never looked for')
  at += 1999
  await registry.byId('a')
  t.equal(reads, 1)
  at += 1
  isDown = true
  await t.rejects(registry.byId('a'), { code: 'temporarily_unavailable' })
  isDown = false
  t.match(await registry.byId('a'), { id: 'a' })
  t.equal(reads, 3)
  t.equal(await registry.byId('x'.repeat(129)), undefined)
  t.equal(reads, 3, 'no id is as long as that')
  at -= 3_600_000
  await registry.byId('a')
  t.equal(reads, 4, 'a clock that is set back keeps nobody known for longer')
})

t.test('rotation leaves two secrets at most', (t) => {
  const [first, second, third] = [createSecret(), createSecret(), createSecret()]
  const one = [storedSecret(first, start)]
  const two = rotated(one, second, start, 1000)
  t.ok(matchesSecret(first, two, start + 999) && matchesSecret(second, two, start + 5000))
  t.notOk(matchesSecret(first, two, start + 1000), 'the old one ends')
  const three = rotated(two, third, start + 500, 1000)
  t.same(
    [first, second, third].map((secret) => matchesSecret(secret, three, start + 600)),
    [false, true, true]
  )
  t.match(rotated(two, third, start + 500, 9000)[1], { expiresAt: start + 9500 })
  t.equal(rotated(three, first, start, 0).length, 1)
  t.notOk(matchesSecret('', [], start) || matchesSecret(first, [], start))
  t.end()
})

t.test('a key that is new at jwksUri is found after half a minute, and what expired is forgotten', async (t) => {
  let at = start
  const pairs = await Promise.all(['old', 'new'].map(async (kid) => ({ kid, ...(await generateKeyPair('ES256')) })))
  const jwks = await Promise.all(pairs.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid })))
  let published = jwks.slice(0, 1)
  let fetched = 0
  const server = createServer((_request, response) => {
    fetched++
    response.end(JSON.stringify({ keys: published }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const forgotten: number[] = []
  const used = {
    use: async () => true,
    isUsed: async () => false,
    async forget(before: number, limit: number) {
      forgotten.push(before)
      return forgotten.length === 1 ? limit : 3
    }
  }
  const assertions = createAssertions({
    ...{ audiences: ['https://a.example'], log, now: () => at },
    singleUse: createSingleUse({ used, log, now: () => at })
  })
  const near = { allowPrivate: ['127.0.0.1/32'], mayFetchFrom: (address: string) => address === '127.0.0.1' }
  const client = {
    ...definition,
    ...near,
    id: 'c',
    jwksUri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }
  const signedBy = async (index: number) => {
    const { kid = '', privateKey } = pairs[index] ?? {}
    const claims = { iss: 'c', sub: 'c', aud: 'https://a.example', exp: at / 1000 + 60, jti: 'j' }
    if (privateKey === undefined) throw new Error('no key')
    const text = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey)
    return assertions.verify(text, client)
  }
  t.equal(await signedBy(0), true)
  for (const host of ['127.0.0.1', 'localhost']) {
    const elsewhere = { ...client, jwksUri: client.jwksUri.replace('127.0.0.1', host), mayFetchFrom: () => false }
    const other = assertions.verify('e30.eyJzdWIiOiJjIn0.AA', { ...elsewhere, allowPrivate: [] })
    await t.rejects(other, { code: 'temporarily_unavailable' }, `${host}: nothing inside is asked for another client`)
  }
  t.equal(fetched, 1)
  published = jwks
  t.equal(await signedBy(1), false)
  t.equal(fetched, 1, 'strangers make no one fetch again and again')
  at += 30_000
  t.equal(await signedBy(1), true)
  t.equal(await signedBy(0), true)
  t.equal(fetched, 2)
  t.same(forgotten, [])
  at += 600_000
  t.equal(await signedBy(0), true)
  t.equal(fetched, 3)
  t.same(forgotten, [at, at], 'batch by batch, until one is not full')
})

t.test('without a proof nobody gets grants for people or for itself, whatever is written', (t) => {
  const grants = ['password', 'client_credentials', 'refresh_token']
  const allowed = (authentication: ClientDefinition['authentication']) =>
    grants.filter((grant) => mayUse({ ...definition, grants, authentication }, grant))
  t.same(allowed(['none']), ['refresh_token'])
  t.same(allowed(['private_key_jwt']), grants)
  t.notOk(mayUse(definition, 'refresh_token'), 'nor what is not among its grants')
  t.end()
})

t.test('a rate is counted in windows', async (t) => {
  let at = start
  const rates = createRates({ now: () => at })
  const rate = { max: 2, windowMs: 10_000 }
  await rates.count('a', rate)
  await rates.count('a', rate)
  at += 4_000
  await t.rejects(rates.count('a', rate), { code: 'slow_down', retryAfterSeconds: 6 })
  await rates.count('b', rate)
  at += 6_000
  await rates.count('a', rate)
})
