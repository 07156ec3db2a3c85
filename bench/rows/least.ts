import { issuerKey } from '../../test/servers/issuer.ts'
import { peopleBase, personName, userPassword } from '../../test/servers/ldap-fixtures.ts'
import { startSlapd } from '../../test/servers/slapd.ts'
import { databasesOf, onEachDialect } from '../databases.ts'
import { figure, form, loginBody, type Served, soundLoad, startCeiling, withScope } from '../processes.ts'
import { atLeast, inTurn, type Row } from '../row.ts'
import { exchangeBody } from './jwt.ts'

const people = 1000
const seconds = Number(process.env.BENCH_SECONDS ?? 5)
const password = 'correct horse battery'

/** What the limits of three rows leave out and no login can: what is left of them shows what could be reached at most. */
export const least = [
  () =>
    withScope(async (scope): Promise<Row[]> => {
      const bare = await startCeiling(scope, 'least', { WAY: 'local' })
      const bodies = bodiesOf((n) => `user${n}@example.com`, password)
      return rowOf(
        'local',
        'bare argon2 verifications',
        await inTurn(() => figure('argon2', { SECONDS: String(seconds) }), speedOf(bare, bodies))
      )
    }),
  () =>
    withScope(async (scope): Promise<Row[]> => {
      const slapd = await startSlapd({ teardown: (end) => scope.teardown(end) }, { people })
      const env = {
        LDAP_URL: slapd.url,
        BIND_DN: slapd.bind.dn,
        BIND_PASSWORD: slapd.bind.password,
        BASE: peopleBase
      }
      const limit = await startCeiling(scope, 'ldap', env)
      const bare = await startCeiling(scope, 'least', { WAY: 'ldap', ...env })
      const bodies = bodiesOf(personName, userPassword)
      return rowOf(
        'LDAP',
        'bare search, bind and signature',
        await inTurn(speedOf(limit, bodies), speedOf(bare, bodies))
      )
    }),
  () =>
    withScope(async (scope): Promise<Row[]> => {
      const { url: TARGET } = await startCeiling(scope, 'http-service', {})
      const limit = await startCeiling(scope, 'http-hop', { TARGET })
      const bare = await startCeiling(scope, 'least', { WAY: 'http', TARGET })
      const bodies = bodiesOf((n) => `person-${n}`, password)
      return rowOf('http', 'Fastify, undici, Fastify', await inTurn(speedOf(limit, bodies), speedOf(bare, bodies)))
    }),
  ...onEachDialect(async (scope, dialect) => {
    const database = await databasesOf(scope, dialect)
    const key = await issuerKey('one')
    const env = { JWK: JSON.stringify(key.jwk) }
    const limit = await startCeiling(scope, 'exchange', { ...env, DATABASE_URL: await database('upsert') })
    const bare = await startCeiling(scope, 'least', { WAY: 'jwt', ...env, DATABASE_URL: await database('ledger') })
    const bodies = await Promise.all(Array.from({ length: 200 }, (_, at) => exchangeBody(key, at)))
    const pairs = await inTurn(speedOf(limit, bodies), speedOf(bare, bodies))
    return rowOf(`another issuer's token, ${dialect}`, 'verification, upsert, signature', pairs)
  })
]

const bodiesOf = (nameOf: (n: number) => string, password: string): string[] =>
  Array.from({ length: people }, (_, at) => loginBody(nameOf(at + 1), password))

const speedOf =
  ({ url }: Served, bodies: readonly string[]) =>
  async (): Promise<number> =>
    (await soundLoad({ url: `${url}/token`, method: 'POST', headers: form, connections: 64, bodies, seconds }))
      .perSecond

/** Nothing is required of it. */
const rowOf = (way: string, limit: string, pairs: ReadonlyArray<readonly [number, number]>): Row[] => {
  const name = `the least of a login by ${way}: the same, one commit, one signature`
  return [{ ...atLeast(0, { name, unit: '/s', pairs, note: `limit: ${limit}` }), required: '' }]
}
