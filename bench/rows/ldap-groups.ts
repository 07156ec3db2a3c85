import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import {
  groupOfNames,
  groupsBase,
  type LdapEntry,
  peopleBase,
  personName,
  userPassword
} from '../../test/servers/ldap-fixtures.ts'
import { startSlapd } from '../../test/servers/slapd.ts'
import { form, load, loginBody, startCeiling, startLatchkey, withScope } from '../processes.ts'
import { atLeast, type Row, rounds } from '../row.ts'

const people = Number(process.env.BENCH_PEOPLE ?? 1000)
const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const teams = 2700
const teamsOfOne = 3
const below = 10

const uidOf = (number: number) => `uid=${personName(number)},${peopleBase}`
const dnOf = (cn: string) => `cn=${cn},${groupsBase}`
/** Of many groups, those that belong to one above them. */
const partOf = (cn: string, count: number, at: number) =>
  Array.from({ length: count }, (_, n) => n).flatMap((n) => (Math.floor(n / below) === at ? [dnOf(`${cn}${n}`)] : []))

/** 2,700 teams in 270 departments in 27 divisions, and three more: everybody is in three teams, ten of their groups in all. */
const groups = (): LdapEntry[] => {
  const team = (at: number) =>
    Array.from({ length: people }, (_, n) => n + 1).filter((n) =>
      Array.from({ length: teamsOfOne }, (_, k) => (n * 7 + k * 900) % teams).includes(at)
    )
  const nobody = [`cn=nobody,${peopleBase}`]
  const members = (list: readonly string[]) => (list.length > 0 ? list : nobody)
  const divisions = Array.from({ length: 27 }, (_, at) => dnOf(`division${at}`))
  return [
    ...Array.from({ length: teams }, (_, at) => groupOfNames(`team${at}`, members(team(at).map(uidOf)))),
    ...Array.from({ length: 270 }, (_, at) => groupOfNames(`department${at}`, partOf('team', teams, at))),
    ...Array.from({ length: 27 }, (_, at) => groupOfNames(`division${at}`, partOf('department', 270, at))),
    ...['everybody', 'everybody else', 'all'].map((cn, at) => groupOfNames(cn, at === 0 ? divisions : nobody))
  ]
}

/** The operations that slapd has answered, by kind. */
const operationsOf = async (url: string): Promise<{ binds: number; searches: number }> => {
  const args = ['-x', '-LLL', '-H', url, '-b', 'cn=Operations,cn=Monitor', '-s', 'one', 'monitorOpCompleted']
  const { stdout } = await promisify(execFile)('ldapsearch', args)
  const completed = (kind: string) =>
    Number(new RegExp(`dn: cn=${kind},[^\\n]*\\nmonitorOpCompleted: (\\d+)`).exec(stdout)?.[1])
  return { binds: completed('Bind'), searches: completed('Search') }
}

/** Directory logins where everybody is in ten of 3,000 groups that are members of each other. */
export const ldapGroups = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const slapd = await startSlapd(
      { teardown: (end) => scope.teardown(end) },
      {
        people,
        entries: groups(),
        settings: ['moduleload back_monitor'],
        databaseSettings: ['database monitor', 'access to * by * read']
      }
    )
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
    groups: { base: "${groupsBase}", type: groupOfNames, nested: true }
    require: { group: "${dnOf('everybody')}" }
    permissions: { "team* in ${groupsBase}": [blog.view_post], "${dnOf('division0')}": [blog.change_post] }
`
    const server = await startLatchkey(scope, yaml)
    const ceiling = await startCeiling(scope, 'ldap', {
      LDAP_URL: slapd.url,
      BIND_DN: slapd.bind.dn,
      BIND_PASSWORD: slapd.bind.password,
      BASE: peopleBase
    })
    const bodies = Array.from({ length: people }, (_, at) => loginBody(personName(at + 1), userPassword))
    const post = { method: 'POST', headers: form, connections: 64, bodies } as const
    const first = await load({ ...post, url: `${server.url}/token`, amount: people })
    if (first.failed > 0) throw new Error(`${first.failed} first logins failed`)

    const before = await operationsOf(slapd.url)
    await load({ ...post, url: `${server.url}/token`, amount: people })
    const after = await operationsOf(slapd.url)
    const each = (kind: 'binds' | 'searches') => ((after[kind] - before[kind]) / people).toFixed(1)

    const pairs: Array<readonly [number, number]> = []
    for (let round = 0; round < rounds; round++) {
      const limit = await load({ ...post, url: `${ceiling.url}/token`, seconds })
      const ours = await load({ ...post, url: `${server.url}/token`, seconds })
      if (ours.failed + limit.failed > 0) throw new Error(`${ours.failed} and ${limit.failed} logins failed`)
      pairs.push([limit.perSecond, ours.perSecond])
    }
    const note = `limit: bare search, bind and signature; a login is ${each('searches')} searches and ${each('binds')} binds`
    return [atLeast(0.5, { name: 'LDAP logins, 10 of 3,000 nested groups', unit: '/s', pairs, note })]
  })
