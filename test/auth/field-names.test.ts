import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { hash } from '@node-rs/argon2'
import t, { type Test } from 'tap'
import { claimsOf, openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { command } from '../process.ts'
import { clientAtIssuer, issuerKey, startIssuer } from '../servers/issuer.ts'

const own = `
import { defineBackend, Type } from 'latchkey'
const zoe = { subject: 'z', username: 'zoe', emails: [], attributes: { given: 'Zoe', unit: 'Sales', lastName: 'Zed' }, source: { mail: 'zoe@example.com' } }
export default defineBackend({
  options: Type.Object({}),
  open: () => ({
    takes: ['password'],
    authenticate: async ({ username }) => username === 'zoe' ? { outcome: 'accepted', identity: zoe } : { outcome: 'unknown' },
    lookUp: async (username) => username === 'zoe' ? { outcome: 'accepted', identity: zoe } : { outcome: 'unknown' },
    identity: async () => ({ state: 'present', identity: zoe }),
    async *identities() { yield zoe }
  })
})`

const backends = (issuer: string) => `
publicClient: true
login: { failureFloor: 1ms }
users: { attributes: { department: { type: string, claim: true }, floor: { type: number, claim: true }, remote: { type: boolean, claim: true } } }
backends:
  - id: fixed
    type: static
    attributes: { department: [unit, dept], displayName: firstName }
    users: [{ username: ann, email: ann@example.com, password: pw, firstName: Ann, attributes: { dept: HR } }]
  - id: old
    type: sql
    database: { url: "file:old.db" }
    user: select * from people where login = :username or mail = :username
    identity: select * from people where id = :subject
    attributes: { subject: id, username: login, passwordHash: pw, email: [work_mail, mail], displayName: [nick, FULL_NAME], floor: storey }
  - id: sso
    type: jwt
    issuer: "${issuer}"
    audiences: [${clientAtIssuer}]
    attributes: { department: org.unit, floor: level, displayName: nickname }
  - { id: sso2, type: jwt, issuer: "${issuer}/other", audiences: [x] }
  - { id: mine, type: ./mine.ts, attributes: { email: mail, firstName: given, department: unit, lastName: [none, surname] } }
  - { id: local, type: local }
`

async function folderOf(t: Test): Promise<string> {
  const folder = await temporaryFolder(t)
  const database = new DatabaseSync(join(folder, 'old.db'))
  database.exec(`create table people (id integer, login text, mail text, work_mail text, pw text, nick text, full_name text, storey integer, remote blob);
    insert into people values (7, 'bob', 'bob@example.com', null, '${await hash('pw')}', '', 'Bob Builder', 3, x'01')`)
  database.close()
  await writeFile(join(folder, 'mine.ts'), own)
  return folder
}

t.test('every type of backend takes what fields are called at its source', async (t) => {
  const issuer = await startIssuer(t, await issuerKey('one'))
  const folder = await folderOf(t)
  const latchkey = await openTestLatchkey(t, backends(issuer.url), {}, folder)
  const { token, accessToken } = latchkey
  const claims = async (username: string) => claimsOf(await accessToken(username, 'pw'))

  t.match(await claims('ann'), { backend: 'fixed', name: 'Ann', department: 'HR' })
  const bob = { backend: 'old', email: 'bob@example.com', name: 'Bob Builder', floor: 3, remote: true }
  t.match(await claims('bob'), bob)
  t.match(await claims('bob@example.com'), bob, 'the address is one of the names that were meant')

  const subject_token = await issuer.token({
    email: 'dan@example.com',
    org: { unit: 'IT' },
    level: 2,
    nickname: 'Dan',
    name: 'Daniel'
  })
  const exchanged = await token({
    ...{ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token },
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token'
  })
  t.match(claimsOf(exchanged.json().access_token), { backend: 'sso', department: 'IT', floor: 2, name: 'Dan' })

  t.match(await claims('zoe'), { backend: 'mine', email: 'zoe@example.com', department: 'Sales' })
  t.notMatch(latchkey.log(), 'attribute_refused', 'what became a field is not there by its old name')
  const [zoe] = (await latchkey.store.users.list({ search: 'zoe', limit: 1 })).items
  t.match(zoe?.attributes, { firstName: 'Zoe' })
  t.notOk(zoe?.attributes.lastName, 'a name that is given counts alone')
})

t.test('and so do a sync and explain', async (t) => {
  const folder = await folderOf(t)
  await writeFile(join(folder, 'latchkey.yaml'), backends('http://127.0.0.1:1'))
  t.match((await command(t, ['explain', 'zoe', '--backend', 'mine'], folder)).stdout, '"department": "Sales"')
  await writeFile(join(folder, 'latchkey.yaml'), backends('http://127.0.0.1:1').replace(', department: unit', ''))
  const { stdout } = await command(t, ['explain', 'zoe', '--backend', 'mine'], folder)
  t.match(stdout, /ok {3}attributes +firstName Zoe\n {2}FAIL attributes +left out: unit\n.*`users.attributes`/)
  await writeFile(join(folder, 'latchkey.yaml'), backends('http://127.0.0.1:1'))
  t.match((await command(t, ['ldap', 'sync', 'mine'], folder)).code, 0)
  const shown = await command(t, ['users', 'show', 'zoe@example.com', '--json'], folder)
  t.match(JSON.parse(shown.stdout), { firstName: 'Zoe', lastName: null, attributes: { department: 'Sales' } })
})

t.test('an address that the source does not call the address is not verified by its word', async (t) => {
  const issuer = await startIssuer(t, await issuerKey('one'))
  const yaml = backends(issuer.url).replace(
    'attributes: { department: org.unit',
    'email: { domains: [example.com] }\n    $&, email: upn'
  )
  const { token } = await openTestLatchkey(t, yaml, {}, await folderOf(t))
  const subject_token = await issuer.token({ upn: 'boss@example.com', email_verified: true })
  const exchanged = await token({
    ...{ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token },
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token'
  })
  const claims = claimsOf(exchanged.json().access_token)
  t.match(claims, { email: 'boss@example.com' })
  t.notOk('email_verified' in claims)
})
