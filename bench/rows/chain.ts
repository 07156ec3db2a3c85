import { hash } from '@node-rs/argon2'
import { form, loginBody, type Scope, type Served, soundLoad, startLatchkey, withScope } from '../processes.ts'
import { atMostTimes, inTurn, type Row } from '../row.ts'

const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const people = 200
const usersEach = 100
const instant = new URL('../ceilings/instant-backend.ts', import.meta.url).pathname
const accepting = { id: 'last', type: instant, email: { domains: ['example.com'] } }

/** Six backends that need no I/O and don't know who logs in, before the one that accepts: what they cost. */
export const chain = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const passwordHash = await hash('correct horse battery', { memoryCost: 19456, timeCost: 2, parallelism: 1 })
    const before = Array.from({ length: 6 }, (_, at) => ({
      id: `fixed${at}`,
      type: 'static',
      users: Array.from({ length: usersEach }, (_, n) => {
        const username = `somebody-${at}-${n}`
        return { username, email: `${username}@example.com`, passwordHash }
      })
    }))
    const alone = await startWith(scope, [accepting])
    const seven = await startWith(scope, [...before, accepting])
    const bodies = Array.from({ length: people }, (_, at) => loginBody(`person-${at}`, 'correct horse battery'))
    const time = async ({ url }: Served): Promise<number> => {
      const post = { url: `${url}/token`, method: 'POST', headers: form, connections: 64, bodies } as const
      return 1000 / (await soundLoad({ ...post, seconds })).perSecond
    }
    const pairs = await inTurn(
      () => time(alone),
      () => time(seven)
    )
    const name = 'login by the last of seven backends, 64 connections'
    return [atMostTimes(1.3, { name, unit: 'ms', pairs, note: 'limit: that backend alone; none hashes a password' })]
  })

const startWith = (scope: Scope, backends: readonly object[]): Promise<Served> =>
  startLatchkey(
    scope,
    `publicClient: true\nlimits: { ip: false, account: false }\nbackends: ${JSON.stringify(backends)}\n`
  )
