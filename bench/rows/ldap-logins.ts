import { peopleBase, personName, userPassword } from '../../test/servers/ldap-fixtures.ts'
import { startSlapd } from '../../test/servers/slapd.ts'
import { form, load, loginBody, residentMiB, startCeiling, startLatchkey, withScope } from '../processes.ts'
import { atLeast, atMost, type Row, rounds } from '../row.ts'

const people = 10_000
const seconds = 6

/** As long as the service takes to notice that nothing is to be done, and to collect its garbage. */
const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 15_000))

/** Directory logins of 10,000 people who are known already, and the memory that 10,000 more of them leave behind. */
export const ldapLogins = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const slapd = await startSlapd({ teardown: (end) => scope.teardown(end) }, { people })
    const yaml = `
publicClient: true
limits: { ip: false }
backends:
  - id: corp
    type: ldap
    servers: ["${slapd.url}"]
    insecure: true
    bind: { dn: "${slapd.bind.dn}", password: "${slapd.bind.password}" }
    users: [{ base: "${peopleBase}", filter: "(uid={username})" }]
    email: { domains: [example.com] }
`
    const server = await startLatchkey(scope, yaml)
    const ceiling = await startCeiling(scope, 'ldap', {
      LDAP_URL: slapd.url,
      BIND_DN: slapd.bind.dn,
      BIND_PASSWORD: slapd.bind.password,
      BASE: peopleBase
    })
    const names = Array.from({ length: people }, (_, at) => personName(at + 1))
    const bodies = names.map((name) => loginBody(name, userPassword))
    const post = { method: 'POST', headers: form, connections: 64 } as const
    const spread = bodies.filter((_, at) => at % 10 === 0)
    for (let from = 0; from < people; from += 1000) {
      const first = await load({
        ...post,
        url: `${server.url}/token`,
        bodies: bodies.slice(from, from + 1000),
        amount: 1000
      })
      if (first.failed > 0) throw new Error(`${first.failed} first logins failed`)
    }
    await quiet()
    const before = await residentMiB(server)
    const pairs: Array<readonly [number, number]> = []
    for (let round = 0; round < rounds; round++) {
      const limit = await load({ ...post, url: `${ceiling.url}/token`, bodies: spread, seconds })
      const ours = await load({ ...post, url: `${server.url}/token`, bodies: spread, seconds })
      if (ours.failed + limit.failed > 0) throw new Error(`${ours.failed} and ${limit.failed} logins failed`)
      pairs.push([limit.perSecond, ours.perSecond])
    }
    await load({ ...post, url: `${server.url}/token`, bodies: spread, amount: 10_000 })
    await quiet()
    const grown = (await residentMiB(server)) - before
    return [
      atLeast(0.6, {
        name: 'LDAP logins, 64 connections',
        unit: '/s',
        pairs,
        note: 'limit: bare search, bind and signature'
      }),
      atMost(1, { name: 'memory after 10,000 more logins', unit: 'MiB', limit: 20, ours: Math.max(0, grown) })
    ]
  })
