import { setTimeout as sleep } from 'node:timers/promises'
import { peopleBase, personName, userPassword } from '../../test/servers/ldap-fixtures.ts'
import { startSlapd } from '../../test/servers/slapd.ts'
import { form, loginBody, soundLoad, startLatchkey, withScope } from '../processes.ts'
import { atMostTimes, type Row, rounds } from '../row.ts'

const people = 200
const seconds = Number(process.env.BENCH_SECONDS ?? 5)
/** So long a hanging server may be felt, and one that is back need not be used yet. */
const noticeMs = 3000
const backMs = 6000

/** Directory logins while the first of two servers hangs (SIGSTOP), against those while both answer. */
export const ldapFailover = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const test = { teardown: (end: () => unknown) => scope.teardown(end) }
    const [first, second] = [await startSlapd(test, { people }), await startSlapd(test, { people })]
    // two servers that do not replicate each other have entryUUIDs of their own
    const server = await startLatchkey(
      scope,
      `
publicClient: true
limits: { ip: false }
backends:
  - id: corp
    type: ldap
    servers: ["${first.url}", "${second.url}"]
    insecure: true
    subject: uid
    bind: { dn: "${first.bind.dn}", password: "${first.bind.password}" }
    users: [{ base: "${peopleBase}", filter: "(uid={username})" }]
    email: { domains: [example.com] }
`
    )
    const bodies = Array.from({ length: people }, (_, at) => loginBody(personName(at + 1), userPassword))
    const post = { url: `${server.url}/token`, method: 'POST', headers: form, connections: 16, bodies } as const
    await soundLoad({ ...post, amount: 5000 })
    const pairs: Array<readonly [number, number]> = []
    for (let round = 0; round < rounds; round++) {
      const both = await soundLoad({ ...post, seconds })
      first.pause()
      try {
        await soundLoad({ ...post, seconds: noticeMs / 1000 })
        const one = await soundLoad({ ...post, seconds })
        pairs.push([both.p99Ms, one.p99Ms])
      } finally {
        first.resume()
      }
      await sleep(backMs)
    }
    const name = 'LDAP logins while one of two servers hangs, p99'
    return [atMostTimes(1.5, { name, unit: 'ms', pairs, note: 'limit: both answer; no login failed in between' })]
  })
