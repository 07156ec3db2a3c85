import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { claimsOf, temporaryFolder } from './latchkey.ts'
import { start } from './process.ts'
import { freePort } from './servers/free-port.ts'
import {
  groupOfNames,
  groupsBase,
  peopleBase,
  person,
  personName,
  serviceAccount,
  userPassword
} from './servers/ldap-fixtures.ts'
import { startMariadb } from './servers/mariadb.ts'
import { needs } from './servers/needs.ts'
import { type Slapd, startSlapd } from './servers/slapd.ts'

const secret = 'canary-secret-of-at-least-thirty-two-bytes'

const yaml = (slapd: Slapd): string => `
issuer: http://127.0.0.1
publicClient: true
secret: \${LATCHKEY_SECRET}
limits: { ip: false }
login: { timeout: 4s, failureFloor: 50ms }
backends:
  - id: corp
    type: ldap
    servers: ["${slapd.url}"]
    insecure: true
    timeout: 1s
    bind: { dn: "${slapd.bind.dn}", password: "\${LDAP_PASSWORD}" }
    users:
      - { base: "${peopleBase}", filter: "(uid={username})" }
      - { base: "${peopleBase}", filter: "(cn={username})" }
    attributes: { email: [mail], firstName: givenName, lastName: sn, displayName: displayName, initials: initials, employeeNumber: employeeNumber }
    email: { domains: [example.com] }
    groups: { base: "${groupsBase}", type: groupOfNames, nested: true }
    permissions: { "CN=Editors, ${groupsBase}": [blog.add_post, blog.change_post] }
    grants: [app.use]
  - { id: local, type: local }
`

interface Replica {
  readonly url: string
  readonly said: () => string
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>
}

interface Answer {
  readonly status: number
  readonly body: { readonly access_token?: string; readonly error?: string }
  readonly retryAfter: string | null
}

async function startReplica(t: Test, slapd: Slapd, databaseUrl: string): Promise<Replica> {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'latchkey.yaml'), yaml(slapd))
  const port = String(await freePort())
  const server = start(t, ['serve'], folder, {
    LATCHKEY_PORT: port,
    LATCHKEY_SECRET: secret,
    LATCHKEY_DATABASE_URL: databaseUrl,
    LDAP_PASSWORD: serviceAccount.password
  })
  await server.says('listening')
  return { url: `http://127.0.0.1:${port}`, said: server.said, end: server.end }
}

async function logIn({ url }: Replica, username: string, password = userPassword): Promise<Answer> {
  const body = new URLSearchParams({ grant_type: 'password', username, password })
  const answer = await fetch(`${url}/token`, { method: 'POST', body })
  return {
    status: answer.status,
    body: (await answer.json()) as Answer['body'],
    retryAfter: answer.headers.get('retry-after')
  }
}

const alice = {
  cn: 'Alice Example',
  givenName: 'Alice',
  sn: 'Example',
  displayName: 'Alice E.',
  initials: 'AE',
  employeeNumber: '007',
  mail: 'Alice@Example.com'
}

t.test('two replicas, a directory and a MariaDB', { skip: needs('slapd', 'mariadbd') }, async (t) => {
  const slapd = await startSlapd(t, { people: 100 })
  const dn = `uid=alice,${peopleBase}`
  await slapd.add([
    person('alice', alice),
    person('outsider', { mail: 'outsider@elsewhere.test' }),
    groupOfNames('inner', [dn]),
    groupOfNames('editors', [`cn=inner,${groupsBase}`, dn])
  ])
  const mariadb = await startMariadb()
  t.teardown(mariadb.stop)
  const database = await mariadb.database('end_to_end')
  const [one, two] = await Promise.all([startReplica(t, slapd, database), startReplica(t, slapd, database)])
  const replicas = [one, two]

  t.test('fifty first logins at once, by two names, on two processes: one person', async (t) => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => logIn(at % 2 === 0 ? one : two, at % 4 < 2 ? 'alice' : 'Alice Example'))
    )
    t.same([...new Set(answers.map(({ status }) => status))], [200])
    const subjects = new Set(answers.map(({ body }) => claimsOf(body.access_token ?? '').sub))
    t.equal(subjects.size, 1)
    for (const replica of replicas) t.notMatch(replica.said(), /"level":"(error|warn)"/)
  })

  t.test('the token and the user', async (t) => {
    const { body } = await logIn(one, 'ALICE')
    t.match(claimsOf(body.access_token ?? ''), {
      ...{ iss: 'http://127.0.0.1', aud: 'http://127.0.0.1', backend: 'corp', client_id: 'public' },
      ...{ email: 'alice@example.com', email_verified: true, name: 'Alice E.' },
      ...{ permissions: ['app.use', 'blog.add_post', 'blog.change_post'], groups: ['editors', 'inner'] }
    })
    const userinfo = await fetch(`${two.url}/userinfo`, { headers: { authorization: `Bearer ${body.access_token}` } })
    t.equal(userinfo.status, 200, 'a token of one replica is good at the other')
    t.match(await userinfo.json(), {
      ...{ given_name: 'Alice', family_name: 'Example', initials: 'AE', employee_number: '007' },
      ...{ permissions: ['app.use', 'blog.add_post', 'blog.change_post'] }
    })
  })

  t.test('who does not come in', async (t) => {
    for (const [username, password] of [
      ['alice', 'wrong'],
      ['nobody', userPassword],
      ['outsider', userPassword],
      ['*', userPassword],
      ['alice)(uid=*', userPassword]
    ] as const) {
      const { status, body } = await logIn(one, username, password)
      t.same([status, body.error], [400, 'invalid_grant'], username)
    }
  })

  t.test('a renamed person stays who she is', async (t) => {
    const before = claimsOf((await logIn(one, 'alice')).body.access_token ?? '').sub
    await slapd.modify(`dn: ${dn}\nchangetype: modrdn\nnewrdn: uid=alicia\ndeleteoldrdn: 1\n`)
    await slapd.modify(`dn: uid=alicia,${peopleBase}\nchangetype: modify\nreplace: mail\nmail: alicia@example.com\n`)
    t.equal((await logIn(one, 'alice')).status, 400, 'the old name is gone')
    const after = claimsOf((await logIn(two, 'alicia')).body.access_token ?? '')
    t.equal(after.sub, before)
    t.equal(after.email, 'alicia@example.com')
  })

  t.test('the directory hangs: 503 in time, and back by itself', async (t) => {
    slapd.pause()
    const began = performance.now()
    const { status, body, retryAfter } = await logIn(one, personName(1))
    t.same([status, body.error], [503, 'temporarily_unavailable'])
    t.match(retryAfter, /^\d+$/)
    t.ok(performance.now() - began < 4000, 'within the deadline')
    for (let n = 0; n < 12; n++) t.equal((await logIn(one, personName(1))).status, 503)
    t.equal((await fetch(`${one.url}/livez`)).status, 200)
    t.equal((await fetch(`${one.url}/readyz`)).status, 200, 'a dead directory is no reason to leave the rotation')
    const degraded = (await (await fetch(`${one.url}/status`)).json()) as { status: string; backends: object[] }
    t.match(degraded, {
      status: 'degraded',
      backends: [{ id: 'corp', state: /open/, last_error: String }, { id: 'local' }]
    })
    slapd.resume()
    let tries = 0
    while ((await logIn(one, personName(1))).status !== 200 && ++tries < 20)
      await new Promise((resolve) => setTimeout(resolve, 500))
    t.ok(tries < 20, 'it is asked again; no outage has counted as a guess')
  })

  t.test('the database hangs or is gone: 503, and back by itself', async (t) => {
    await mariadb.pause()
    t.equal((await logIn(two, personName(2))).status, 503)
    t.equal((await fetch(`${two.url}/readyz`)).status, 503)
    t.equal((await fetch(`${two.url}/livez`)).status, 200)
    mariadb.resume()
    let tries = 0
    while ((await logIn(two, personName(2))).status !== 200 && ++tries < 40)
      await new Promise((resolve) => setTimeout(resolve, 250))
    t.ok(tries < 40)
  })

  t.test('no secret anywhere it was said', async (t) => {
    for (const replica of replicas) {
      t.equal(await replica.end(), 0)
      for (const canary of [secret, userPassword, serviceAccount.password, 'PRIVATE KEY'])
        t.notOk(replica.said().includes(canary), canary)
    }
  })
})
