import { peopleBase, personName, userPassword } from '../../test/servers/ldap-fixtures.ts'
import { startSlapd } from '../../test/servers/slapd.ts'
import { form, load, loginBody, residentMiB, type Served, socketsOf, startLatchkey, withScope } from '../processes.ts'
import { atMost, type Row } from '../row.ts'

const people = 1000
const logins = Number(process.env.BENCH_LOGINS ?? 100_000)

/** As long as the service takes to notice that nothing is to be done, and to collect its garbage. */
const quietMs = 15_000

/** What the service holds while nobody asks it anything. */
const held = async (server: Served) => {
  await new Promise((resolve) => setTimeout(resolve, quietMs))
  return { sockets: await socketsOf(server), mebibytes: await residentMiB(server) }
}

/** Sockets and memory over very many directory logins, one in eight with a wrong password. */
export const ldapEndurance = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const slapd = await startSlapd({ teardown: (end) => scope.teardown(end) }, { people })
    const yaml = `
publicClient: true
login: { failureFloor: 1ms }
limits: { ip: false, account: false }
backends:
  - id: corp
    type: ldap
    servers: ["${slapd.url}"]
    insecure: true
    bind: { dn: "${slapd.bind.dn}", password: "${slapd.bind.password}" }
    users: [{ base: "${peopleBase}", filter: "(uid={username})" }]
`
    const server = await startLatchkey(scope, yaml)
    const bodies = Array.from({ length: people }, (_, at) =>
      loginBody(personName(at + 1), at % 8 === 7 ? 'wrong' : userPassword)
    )
    const post = { method: 'POST', headers: form, connections: 64, bodies, url: `${server.url}/token` } as const
    await load({ ...post, amount: Math.max(people, logins / 10) })
    const before = await held(server)
    const { answers } = await load({ ...post, amount: logins })
    const after = await held(server)
    const name = (what: string) => `${what} after ${logins} more LDAP logins`
    const note = `${answers} answers, one in eight refused; before: ${before.sockets} sockets, ${Math.round(before.mebibytes)} MiB`
    const grown = Math.max(0, after.mebibytes - before.mebibytes)
    return [
      atMost(1, { name: name('sockets'), unit: '', limit: before.sockets, ours: after.sockets, note }),
      atMost(1, { name: name('memory'), unit: 'MiB', limit: 20, ours: grown })
    ]
  })
