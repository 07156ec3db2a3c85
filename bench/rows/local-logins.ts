import { figure, folderOf, form, load, loginBody, startLatchkey, withScope } from '../processes.ts'
import { atLeast, atMost, median, type Row, rounds } from '../row.ts'
import { seedUsers } from '../seed.ts'

const yaml = 'publicClient: true\nlimits: { ip: false, account: false }\nbackends: [{ id: local, type: local }]\n'
const password = 'correct horse battery'
const users = 100
const seconds = 5

/** Local logins against the bare hash, and how long the key set takes meanwhile. */
export const localLogins = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const folder = await folderOf(scope)
    const emails = await seedUsers(folder, { users, password })
    const server = await startLatchkey(scope, yaml, { folder })
    const bodies = emails.map((email) => loginBody(email, password))
    const post = { url: `${server.url}/token`, method: 'POST', headers: form, bodies } as const
    await load({ ...post, connections: 64, amount: 2000 })
    const pairs: Array<readonly [number, number]> = []
    const jwks: number[] = []
    let refused = 0
    for (let round = 0; round < rounds; round++) {
      const limit = await figure('argon2', { SECONDS: String(seconds) })
      const [ours, keys] = await Promise.all([
        load({ ...post, connections: 64, seconds }),
        load({ url: `${server.url}/.well-known/jwks.json`, connections: 1, rate: 20, seconds: seconds - 1 })
      ])
      refused += ours.failed
      pairs.push([limit, ours.perSecond])
      jwks.push(keys.p99Ms)
    }
    return [
      atLeast(0.95, {
        name: 'local logins, 64 connections',
        unit: '/s',
        pairs,
        note: `limit: bare argon2 verifications; ${refused} answered 503`
      }),
      atMost(1, { name: 'key set meanwhile, p99', unit: 'ms', limit: 100, ours: median(jwks) })
    ]
  })
