import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { atConsole } from '../../src/admin/actor.ts'
import { createGroup } from '../../src/admin/groups.ts'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { answerJson, startFakeService } from '../servers/http-service.ts'
import { call } from './admin-calls.ts'

const password = 'correct horse battery'
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const yaml = `
publicClient: true
login: { failureFloor: 1ms }
limits: { ip: false, account: false }
backends:
  - id: site
    type: static
    users:
      - { username: boss, email: boss@example.com, password: "${password}", superuser: true }
      - { username: robot, email: robot@example.com, password: "${password}", permissions: [blog.add_post] }
  - { id: local, type: local }
permissions: { declare: { blog.add_post: Can add, blog.change_post: Can change } }
audiences: [{ id: "https://blog.example.com", permissions: ["blog.*"] }]
`

async function open(t: Test) {
  const latchkey = await openTestLatchkey(t, yaml)
  let clerks = 0
  const clerk = async (...permissions: string[]) => {
    const email = `clerk-${++clerks}@example.com`
    await latchkey.addUser({ email, password, permissions })
    return asking(latchkey, email, await latchkey.accessToken(email, password))
  }
  const root = async () => {
    await latchkey.addUser({ email: 'root@example.com', password, superuser: true })
    return asking(latchkey, 'root@example.com', await latchkey.accessToken('root@example.com', password))
  }
  return { ...latchkey, clerk, root }
}

const asking = (latchkey: TestLatchkey, email: string, token: string) => ({
  id: String(claimsOf(token).sub),
  email,
  token,
  ask: (method: Parameters<typeof call>[2], url: string, payload?: unknown) =>
    call(latchkey, token, method, url, payload)
})

const refused = { status: 403, type: 'urn:latchkey:problem:grant-refused' }

t.test('nobody but a superuser says whose account it is', async (t) => {
  const { clerk, root } = await open(t)
  const mallory = await clerk('latchkey.change_user')
  const link = (subject: string, backend = 'site') =>
    mallory.ask('POST', `/admin/users/${mallory.id}/identities`, { backend, subject })
  for (const subject of ['boss', 'robot']) t.match((await link(subject)).body, refused, subject)
  const { id, ask } = await root()
  t.match((await link(id, 'local')).body, refused)
  const local = await ask('POST', `/admin/users/${mallory.id}/identities`, { backend: 'local', subject: id })
  t.match(
    local.body,
    { status: 400, errors: [{ pointer: '/subject' }] },
    'not even then: a local account is its own user'
  )
  const linked = await ask('POST', `/admin/users/${mallory.id}/identities`, { backend: 'site', subject: 'robot' })
  t.equal(linked.status, 201)
})

t.test('nobody waits with a password for somebody who will hold more', async (t) => {
  const latchkey = await open(t)
  const { ask } = await latchkey.clerk('latchkey.add_user', 'latchkey.change_user', 'latchkey.view_user')
  const login = (username: string) => latchkey.token({ grant_type: 'password', username, password })
  t.equal(
    (await ask('POST', '/admin/users', { email: 'boss@example.com', password: 'waiting for the boss' })).status,
    201
  )
  t.equal(
    (await ask('POST', '/admin/users', { email: 'robot@example.com', password: 'waiting for a robot' })).status,
    201
  )
  t.equal((await login('boss')).statusCode, 400, 'a superuser does not join somebody who has a password')
  t.match(latchkey.log(), /brings-privilege/)
  t.equal((await login('robot')).statusCode, 200, 'who brings nothing of ours does, as the rules of joining have it')

  const other = await open(t)
  const mallory = await other.clerk('latchkey.change_user')
  const aimed = await mallory.ask('PATCH', `/admin/users/${mallory.id}`, { email: 'boss@example.com' })
  t.equal(aimed.status, 200)
  const boss = await other.token({ grant_type: 'password', username: 'boss', password })
  t.equal(boss.statusCode, 400, 'nor somebody who took the address')

  const third = await open(t)
  const clerk = await third.clerk('latchkey.add_user')
  t.equal((await clerk.ask('POST', '/admin/users', { email: 'boss@example.com' })).status, 201)
  const joined = await third.token({ grant_type: 'password', username: 'boss', password })
  t.equal(joined.statusCode, 200, 'who can not log in otherwise may be there beforehand')
})

t.test('nor for somebody whom the groups of a backend will give more', async (t) => {
  const sso = `{ id: sso, type: proxy, from: [127.0.0.1], headers: { username: Remote-User, email: Remote-User, groups: Remote-Groups }, email: { domains: [example.com] } }`
  const latchkey = await openTestLatchkey(t, yaml.replace('backends:\n', `backends:\n  - ${sso}\n`))
  for (const [name, permission] of [
    ['admins', 'latchkey.change_user'],
    ['editors', 'blog.add_post']
  ] as const)
    await createGroup(atConsole, { name, permissions: [permission] }, latchkey.parts.admin)
  const logIn = (user: string, groups: string) =>
    latchkey.app.inject({
      ...{ method: 'POST', url: '/token', payload: { grant_type: 'urn:latchkey:params:oauth:grant-type:proxy' } },
      headers: { 'remote-user': `${user}@example.com`, 'remote-groups': groups }
    })
  for (const email of ['ann@example.com', 'bob@example.com']) await latchkey.addUser({ email, password })
  t.equal((await logIn('ann', 'admins')).statusCode, 400)
  t.match(latchkey.log(), /brings-privilege/)
  t.same((await latchkey.store.users.byEmail('ann@example.com'))?.identities, [])
  t.equal((await logIn('bob', 'editors')).statusCode, 200, 'who brings nothing of ours joins')
  t.equal((await logIn('bob', 'admins')).statusCode, 200, 'and may be given more later')
})

t.test(
  'what somebody holds by a backend that can not tell keeps others out, also where logins pass it over',
  async (t) => {
    let isDown = false
    const service = await startFakeService(t, ({ json, request }, response) => {
      const [subject, isCorp] = ['7', request.url?.endsWith('corp')]
      if (json.operation === 'permissions' && isCorp)
        return answerJson(response, isDown ? 500 : 200, { permissions: ['latchkey.change_user'] })
      const name = isCorp ? 'ann' : 'ann-at-the-shop'
      if (json.username !== name && json.operation === 'authenticate') return answerJson(response, 404, {})
      answerJson(response, 200, {
        subject,
        username: name,
        email: 'ann@example.com',
        permissions: isCorp ? undefined : []
      })
    })
    const backends = ['corp', 'shop']
      .map(
        (id) =>
          `  - { id: ${id}, type: http, url: "${service.url}/${id}", email: { domains: [example.com] }, permissionsOnUnavailable: skip }`
      )
      .join('\n')
    const latchkey = await openTestLatchkey(t, yaml.replace('backends:\n', `backends:\n${backends}\n`))
    const email = 'clerk@example.com'
    await latchkey.addUser({ email, password, permissions: ['latchkey.change_user'] })
    const login = (username: string) => latchkey.token({ grant_type: 'password', username, password })
    const { sub } = claimsOf((await login('ann')).json().access_token)
    isDown = true
    t.equal((await login('ann')).statusCode, 200, 'a login passes it over')
    t.equal((await login('ann-at-the-shop')).statusCode, 503, 'a join does not')
    const clerk = asking(latchkey, email, await latchkey.accessToken(email, password))
    const taken = await clerk.ask('PUT', `/admin/users/${sub}/password`, { password: 'a password of the clerk' })
    t.equal(taken.status, 503, 'nor does who would set a password')
    isDown = false
    t.equal((await login('ann-at-the-shop')).statusCode, 400)
    t.match(latchkey.log(), '"reason":"privileged"')
  }
)

t.test('an exchange widens nothing that was narrowed', async (t) => {
  const latchkey = await open(t)
  const { token } = await latchkey.root()
  const narrow = await latchkey.token({
    ...{ grant_type: 'password', username: 'root@example.com', password },
    ...{ scope: 'blog.add_post', audience: 'https://blog.example.com' }
  })
  const exchanged = async (subject: string, more: Record<string, string> = {}) => {
    const type = 'urn:ietf:params:oauth:token-type:access_token'
    const answer = await latchkey.token({
      grant_type: exchangeGrant,
      subject_token: subject,
      subject_token_type: type,
      ...more
    })
    t.equal(answer.statusCode, 200, answer.body)
    return answer.json<{ access_token: string }>().access_token
  }
  const forAdmin = await exchanged(narrow.json<{ access_token: string }>().access_token)
  matchLists(t, claimsOf(forAdmin), {
    aud: 'http://localhost:8000',
    scope: 'blog.add_post',
    permissions: ['blog.add_post']
  })
  t.equal((await call(latchkey, forAdmin, 'GET', '/admin/users')).status, 403)
  const wide = await latchkey.token({
    ...{ grant_type: 'password', username: 'root@example.com', password, audience: 'https://blog.example.com' }
  })
  const byAudience = await exchanged(wide.json<{ access_token: string }>().access_token)
  t.equal((await call(latchkey, byAudience, 'GET', '/admin/users')).status, 403, 'nor what an audience narrowed')
  const asked = await exchanged(narrow.json<{ access_token: string }>().access_token, { scope: 'latchkey.* blog.*' })
  t.match(claimsOf(asked), { scope: 'blog.add_post' })
  t.equal((await call(latchkey, asked, 'GET', '/admin/users')).status, 403, 'whatever is asked for')
  t.equal((await call(latchkey, await exchanged(token), 'GET', '/admin/users')).status, 200, 'all remains all')
})

t.test('nobody but a superuser says which clients exchange the tokens of others', async (t) => {
  const { clerk, root } = await open(t)
  const { ask } = await clerk('latchkey.add_client', 'latchkey.change_client', 'latchkey.view_client')
  t.match((await ask('POST', '/admin/clients', { id: 'spy', grants: [exchangeGrant] })).body, refused)
  t.equal((await ask('POST', '/admin/clients', { id: 'web', grants: ['password'] })).status, 201)
  t.match((await ask('PATCH', '/admin/clients/web', { grants: [exchangeGrant] })).body, refused)
  const superuser = await root()
  t.equal((await superuser.ask('POST', '/admin/clients', { id: 'gateway', grants: [exchangeGrant] })).status, 201)
  t.match((await ask('POST', '/admin/clients/gateway/rotate-secret', {})).body, refused)
  const odd = await superuser.ask('POST', '/admin/clients', { id: '\ud800' })
  t.equal(odd.status, 400, 'a lone surrogate is no id')
  t.equal(odd.headers.location, undefined)
})

t.test('nobody but a superuser says which private addresses are asked for keys', async (t) => {
  const { clerk, root } = await open(t)
  const { ask } = await clerk('latchkey.add_client', 'latchkey.change_client', 'latchkey.view_client')
  const near = { jwksUri: 'https://10.0.0.5/keys', allowPrivate: ['10.0.0.0/8'] }
  t.match((await ask('POST', '/admin/clients', { id: 'probe', ...near })).body, refused)
  const far = { id: 'web', jwksUri: 'https://keys.example.com/web', allowPrivate: [] }
  t.equal((await ask('POST', '/admin/clients', far)).status, 201, 'an empty list allows none')
  t.match((await ask('PATCH', '/admin/clients/web', near)).body, refused)
  t.match((await ask('PATCH', '/admin/clients/web', { allowPrivate: ['0.0.0.0/0', '::/0'] })).body, refused)
  const superuser = await root()
  t.equal((await superuser.ask('POST', '/admin/clients', { id: 'inside', ...near })).status, 201)
  t.match((await ask('PATCH', '/admin/clients/inside', { jwksUri: 'https://10.0.0.6/keys' })).body, refused)
  t.match((await superuser.ask('GET', '/admin/clients/inside')).body, near, 'nothing of it was changed')
  const renewed = { jwksUri: 'https://10.0.0.6/keys' }
  t.equal((await superuser.ask('PATCH', '/admin/clients/inside', renewed)).status, 200)
})

t.test('nobody but a superuser says which clients hand on the addresses of others', async (t) => {
  const { clerk, root } = await open(t)
  const { ask } = await clerk('latchkey.add_client', 'latchkey.change_client', 'latchkey.view_client')
  const front = { forwardedFor: ['10.0.0.0/8'] }
  t.match((await ask('POST', '/admin/clients', { id: 'front', ...front })).body, refused)
  t.equal((await ask('POST', '/admin/clients', { id: 'web', forwardedFor: [] })).status, 201)
  t.match((await ask('PATCH', '/admin/clients/web', front)).body, refused)
  const superuser = await root()
  t.equal((await superuser.ask('PATCH', '/admin/clients/web', front)).status, 200)
  t.match((await ask('POST', '/admin/clients/web/rotate-secret', {})).body, refused, 'a secret of it would be theirs')
})

t.test('no client is called as a user is: its own token would have that subject', async (t) => {
  const { root } = await open(t)
  const superuser = await root()
  for (const id of [superuser.id, superuser.id.toUpperCase()]) {
    const { status, body } = await superuser.ask('POST', '/admin/clients', { id, grants: ['client_credentials'] })
    t.equal(status, 400)
    t.match(JSON.stringify(body), /UUIDv7/)
  }
  t.equal((await superuser.ask('POST', '/admin/clients', { id: randomUUID() })).status, 201, 'of another kind')
})

t.test('nobody moves somebody who holds more in or out of a group', async (t) => {
  const { clerk, root } = await open(t)
  const superuser = await root()
  const { ask } = await clerk('latchkey.change_user')
  const group = (await superuser.ask('POST', '/admin/groups', { name: 'staff' })).body.id
  const member = `/admin/groups/${group}/members/${superuser.id}`
  t.match((await ask('PUT', member)).body, refused)
  t.equal((await superuser.ask('PUT', member)).status, 204)
  t.match((await ask('DELETE', member)).body, refused)
  const auditor = await clerk('latchkey.view_audit')
  t.match((await ask('PUT', `/admin/groups/${group}/members/${auditor.id}`)).body, refused)
  const nobody = await clerk()
  t.equal((await ask('PUT', `/admin/groups/${group}/members/${nobody.id}`)).status, 204)
})

t.test('odd names and texts are refused as such', async (t) => {
  const { ask, id } = await (await open(t)).root()
  for (const name of ['constructor', 'toString', '__proto__'])
    t.equal((await ask('PATCH', `/admin/users/${id}`, JSON.parse(`{"attributes":{"${name}":"x"}}`))).status, 400, name)
  for (const [at, firstName] of ['a\r\nX: y', 'a\tb', 'a\u0085b', 'a\u2028b'].entries())
    t.equal((await ask('PATCH', `/admin/users/${id}`, { firstName })).status, 400, `text ${at}`)
  for (const user of ['a'.repeat(37), `${id} `, 'nobody']) {
    const grant = { user, permission: 'blog.add_post', objectType: 't', objectId: '1' }
    t.equal((await ask('POST', '/admin/object-grants', grant)).status, 404, user)
  }
  t.equal((await ask('POST', '/admin/permissions', { name: 'latchkey.bad', description: '' })).status, 400)
})
