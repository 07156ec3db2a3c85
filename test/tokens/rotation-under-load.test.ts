import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalJWKSet, createRemoteJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { createApp } from '../../src/app.ts'
import { defineBackend } from '../../src/auth/define-backend.ts'
import { readConfig } from '../../src/config/read-config.ts'
import type { App } from '../../src/http/server.ts'
import { openLatchkey } from '../../src/latchkey.ts'
import { openLog } from '../../src/log.ts'
import { temporaryFolder } from '../latchkey.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'

/**
 * Time runs 800 times as fast, for the service and for its clients alike: what counts is that the lead (16 min) is longer
 * than a client keeps a key set plus what replicas need to follow, and all of them are shortened by the same factor. But
 * reading again: every 100 ms stand for 80 s, forty times the 2 s that it takes in truth.
 */
const faster = 800
const keyTimes = { rotateMs: 1400, leadMs: (16 * 60_000) / faster, rereadMs: 100 }
const rotations = 10
const perSecond = 100

/** Accepts everybody: hashing 100 passwords a second would measure argon2. */
const open = defineBackend({
  vouches: 'always',
  options: Type.Object({}),
  open: () => ({
    takes: ['password'],
    authenticate: async () => ({
      outcome: 'accepted',
      identity: { subject: 'ann', username: 'ann', emails: ['ann@example.com'], attributes: {} }
    })
  })
})

async function openReplica(t: Test, database: string): Promise<{ app: App; jwks: URL }> {
  const yaml =
    'publicClient: true\nsecret: a secret of at least thirty-two bytes\nlimits: { ip: false, account: false }\n' +
    `database: { url: "${database}" }\nbackends: [{ id: open, type: open }]\n` +
    'audiences: [{ id: ed, permissions: ["*"], algorithm: EdDSA }]\n'
  const cwd = await temporaryFolder(t)
  await writeFile(join(cwd, 'latchkey.yaml'), yaml)
  const config = await readConfig({ env: {}, definitions: { open: async () => open }, cwd })
  const latchkey = await openLatchkey(config, await openLog('silent'), { keyTimes })
  const app = await createApp(latchkey.parts)
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => {
    await app.close()
    await latchkey.close()
  })
  const { port } = app.server.address() as AddressInfo
  return { app, jwks: new URL(`http://127.0.0.1:${port}/.well-known/jwks.json`) }
}

async function fetchKeys(url: URL): Promise<JSONWebKeySet> {
  return (await (await fetch(url)).json()) as JSONWebKeySet
}

/**
 * Caches as oauth4webapi does: for 300 s, and an unknown `kid` is asked for only when the copy is 60 s old. Now and then it
 * starts anew, so that copies of every age meet a new key.
 */
function cautiousClient(url: URL): (token: string) => Promise<unknown> {
  let copy: Promise<JSONWebKeySet> | undefined
  let fetchedAt = 0
  const renew = (): Promise<JSONWebKeySet> => {
    fetchedAt = performance.now()
    copy = fetchKeys(url)
    return copy
  }
  const age = (): number => ((performance.now() - fetchedAt) * faster) / 1000
  return async (token) => {
    const { kid } = decodeProtectedHeader(token)
    if (Math.random() < 0.05) copy = undefined
    const keys = await (copy === undefined || age() >= 300 ? renew() : copy)
    const isKnown = keys.keys.some((key) => key.kid === kid)
    return jwtVerify(token, createLocalJWKSet(isKnown || age() < 60 ? keys : await renew()))
  }
}

/** jose's own cache: for 10 min, and an unknown `kid` is asked for when the copy is 30 s old. */
function joseClient(url: URL): (token: string) => Promise<unknown> {
  const keys = createRemoteJWKSet(url, { cacheMaxAge: 600_000 / faster, cooldownDuration: 30_000 / faster })
  return (token) => jwtVerify(token, keys)
}

t.test('ten rotations under 100 requests a second', { skip: needs('mariadbd', 'mariadb-install-db') }, async (t) => {
  const mariadb = await startMariadb()
  t.teardown(mariadb.stop)
  const database = await mariadb.database('rotation')
  const replicas = await Promise.all([openReplica(t, database), openReplica(t, database)])
  const [one, two] = replicas
  const clients = replicas.flatMap(({ jwks }) => [cautiousClient(jwks), joseClient(jwks)])
  const tokens: string[] = []
  const failures: unknown[] = []
  const seen = { ES256: new Set<string>(), EdDSA: new Set<string>() }

  const request = async (turn: number): Promise<void> => {
    const [asked, other] = turn % 2 === 0 ? [one, two] : [two, one]
    const audience = turn % 4 < 2 ? {} : { audience: 'ed' }
    const payload = { grant_type: 'password', username: 'ann', password: 'pw', ...audience }
    const answer = await asked.app.inject({ method: 'POST', url: '/token', payload })
    const { access_token: token } = answer.json<{ access_token?: string }>()
    if (token === undefined) throw new Error(answer.body)
    tokens.push(token)
    const { alg, kid = '' } = decodeProtectedHeader(token)
    seen[alg as keyof typeof seen].add(kid)
    await Promise.all(clients.map((verify) => verify(token)))
    const userinfo = await other.app.inject({ url: '/userinfo', headers: { authorization: `Bearer ${token}` } })
    if (userinfo.statusCode !== 200) throw new Error(`the other replica: ${userinfo.body}`)
  }

  const started = performance.now()
  const underWay: Array<Promise<void>> = []
  const isDone = (): boolean => Math.min(seen.ES256.size, seen.EdDSA.size) > rotations
  for (let turn = 0; !isDone() && performance.now() - started < 40_000; turn++) {
    underWay.push(request(turn).catch((error) => void failures.push(error)))
    await sleep(Math.max(0, started + (turn * 1000) / perSecond - performance.now()))
  }
  await Promise.all(underWay)
  const rate = underWay.length / ((performance.now() - started) / 1000)
  t.comment(`${underWay.length} requests, ${rate.toFixed(0)} a second`)

  t.same(failures.slice(0, 3).map(String), [], `no failure among ${underWay.length}`)
  t.ok(seen.ES256.size > rotations && seen.EdDSA.size > rotations, 'eleven keys have signed, of each algorithm')
  const sets = await Promise.all(replicas.map(async ({ jwks }) => createLocalJWKSet(await fetchKeys(jwks))))
  for (const keys of sets) await Promise.all(tokens.map((token) => jwtVerify(token, keys)))
  t.pass('every token of them is still good')
})
