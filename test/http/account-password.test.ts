import t, { type Test } from 'tap'
import { claimsOf, openTestLatchkey, type TestLatchkey } from '../latchkey.ts'
import { groupsBase, person, userPassword } from '../servers/ldap-fixtures.ts'
import { corpAt } from '../servers/ldap-fixtures-world.ts'
import { startSlapd } from '../servers/slapd.ts'

const password = 'correct horse battery'
const fresh = 'a kettle full of green dice'
const yaml = `
publicClient: true
secret: a secret of at least thirty-two bytes
login: { failureFloor: 1ms }
limits: { ip: false, account: { failures: 3 } }
backends: [{ id: local, type: local }, { id: fixed, type: static, users: [{ username: bob, email: bob@example.com, password: "a password of bob" }] }]
audiences: [{ id: blog, permissions: ["*"] }]
`

const change = ({ app }: TestLatchkey, token: string, body: object) =>
  app.inject({ method: 'POST', url: '/account/password', headers: { authorization: `Bearer ${token}` }, payload: body })

const sessionOf = async ({ token }: TestLatchkey, username: string, secret: string) =>
  (await token({ grant_type: 'password', username, password: secret })).json<{
    access_token: string
    refresh_token: string
  }>()

const refresh = async ({ token }: TestLatchkey, refresh_token: string) =>
  (await token({ grant_type: 'refresh_token', refresh_token })).statusCode

t.test('a new password ends all other sessions and their tokens; the one that asked goes on', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const id = await latchkey.addUser({ email: 'ann@example.com', password })
  const [mine, other] = [
    await sessionOf(latchkey, 'ann@example.com', password),
    await sessionOf(latchkey, 'ann@example.com', password)
  ]
  const answer = await change(latchkey, mine.access_token, { currentPassword: password, newPassword: fresh })
  t.same([answer.statusCode, answer.body], [204, ''], answer.body)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.equal((await latchkey.userinfo(mine.access_token)).statusCode, 200)
  t.equal((await latchkey.userinfo(other.access_token)).statusCode, 401)
  t.equal(await refresh(latchkey, other.refresh_token), 400)
  t.equal(await refresh(latchkey, mine.refresh_token), 200)
  t.equal((await latchkey.token({ username: 'ann@example.com', password, grant_type: 'password' })).statusCode, 400)
  const third = await sessionOf(latchkey, 'ann@example.com', fresh)
  t.equal(
    (await change(latchkey, third.access_token, { currentPassword: fresh, newPassword: `${fresh}!` })).statusCode,
    204
  )
  t.equal((await latchkey.userinfo(mine.access_token)).statusCode, 401, 'who was spared before is spared no longer')
  t.equal(await refresh(latchkey, third.refresh_token), 200)
  await latchkey.store.users.logOut(id, Date.now())
  t.equal((await latchkey.userinfo(third.access_token)).statusCode, 401)
  t.equal(await refresh(latchkey, third.refresh_token), 400)
  const { items } = await latchkey.store.audit.find({ kind: 'password_change', limit: 10 })
  t.match(items, [
    { outcome: 'success', user: id, backend: 'local', session: claimsOf(third.access_token).sid },
    { outcome: 'success', ip: '127.0.0.1' }
  ])
  t.notMatch(latchkey.log(), /correct horse|kettle/)
})

t.test('what is refused, and why', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  const id = await latchkey.addUser({ email: 'ann.of.the.valley@example.com', password })
  await latchkey.store.administration.change((tx) => tx.users.setLoginNames(id, ['ann.by.another.name'], Date.now()))
  const token = await latchkey.accessToken('ann.of.the.valley@example.com', password)
  const ask = async (body: object, bearer = token) => {
    const answer = await change(latchkey, bearer, body)
    t.match(answer.headers['content-type'], 'application/problem+json')
    const { type, reason, status, detail } = answer.json()
    t.equal(status, answer.statusCode)
    return [status, type.replace('urn:latchkey:problem:', ''), reason ?? detail]
  }
  for (const [newPassword, reason] of [
    ['too short', 'too-short'],
    ['Qwerty123456789', 'common'],
    ['Ann of the Valley', 'own-name'],
    ['ANN by another-name', 'own-name'],
    ['http://localhost:8000', 'service-name']
  ])
    t.same(await ask({ currentPassword: password, newPassword }), [400, 'password-refused', reason])
  for (const body of [
    {},
    { currentPassword: password },
    { currentPassword: password, newPassword: null },
    { currentPassword: password, newPassword: 'a\u0000'.repeat(20) },
    { currentPassword: password, newPassword: 'x'.repeat(1025) },
    { currentPassword: password, newPassword: fresh, more: 1 }
  ])
    t.match(await ask(body), [400, 'invalid-request'])
  const bob = await latchkey.accessToken('bob', 'a password of bob')
  t.same(await ask({ currentPassword: 'a password of bob', newPassword: fresh }, bob), [
    400,
    'password-refused',
    'not-allowed'
  ])
  t.match(await ask({ currentPassword: password, newPassword: fresh }, 'none'), [401, 'invalid-token'])
  const blog = await latchkey.accessToken('ann.of.the.valley@example.com', password, { audience: 'blog' })
  t.match(await ask({ currentPassword: password, newPassword: fresh }, blog), [401, 'invalid-token'])
  for (let n = 0; n < 3; n++)
    t.match(await ask({ currentPassword: 'wrong', newPassword: fresh }), [400, 'invalid-grant'])
  t.match(
    await ask({ currentPassword: password, newPassword: fresh }),
    [429, 'slow-down'],
    'it counts as a failed login'
  )
  t.equal(
    (await latchkey.token({ username: 'ann.of.the.valley@example.com', password, grant_type: 'password' })).statusCode,
    429
  )
  const { items } = await latchkey.store.audit.find({ kind: 'password_change', limit: 20 })
  t.same([...new Set(items.map(({ outcome, reason }) => `${outcome} ${reason}`))].toSorted(), [
    'refused password_refused',
    'refused wrong-password'
  ])
})

t.test('right ones are no guesses, however many', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  await latchkey.addUser({ email: 'ann@example.com', password })
  const token = await latchkey.accessToken('ann@example.com', password)
  for (let n = 0; n < 5; n++) {
    const currentPassword = n === 0 ? password : `${fresh} ${n - 1}`
    t.equal((await change(latchkey, token, { currentPassword, newPassword: `${fresh} ${n}` })).statusCode, 204)
    t.equal((await change(latchkey, token, { currentPassword: 'wrong', newPassword: fresh })).statusCode, 400)
  }
})

t.test('of two changes at once one is made', async (t) => {
  const latchkey = await openTestLatchkey(t, yaml)
  await latchkey.addUser({ email: 'ann@example.com', password })
  const token = await latchkey.accessToken('ann@example.com', password)
  const answers = await Promise.all(
    [1, 2].map((n) => change(latchkey, token, { currentPassword: password, newPassword: `${fresh}${n}` }))
  )
  t.same(answers.map(({ statusCode }) => statusCode).toSorted(), [204, 409])
})

t.test('a shorter length by setting', async (t) => {
  const latchkey = await openTestLatchkey(t, `${yaml}\npasswords: { minLength: 8 }\n`)
  await latchkey.addUser({ email: 'ann@example.com', password })
  const token = await latchkey.accessToken('ann@example.com', password)
  t.match((await change(latchkey, token, { currentPassword: password, newPassword: 'seven 7' })).json(), {
    detail: 'The new password is too short: at least 8 characters (passwords.minLength)'
  })
  t.equal((await change(latchkey, token, { currentPassword: password, newPassword: 'eight: 8' })).statusCode, 204)
})

t.test('people of a directory change it there, by its rules', async (t: Test) => {
  const usual = `cn=usual,${groupsBase}`
  const slapd = await startSlapd(t, {
    passwordsOfOneself: true,
    databaseSettings: ['overlay ppolicy', `ppolicy_default "${usual}"`],
    entries: [
      [
        usual,
        {
          objectClass: ['device', 'pwdPolicy'],
          cn: 'usual',
          pwdAttribute: 'userPassword',
          pwdMinLength: '8',
          pwdCheckQuality: '2',
          pwdInHistory: '3'
        }
      ],
      person('alice')
    ]
  })
  const chain = `backends: [{ id: local, type: local }, ${JSON.stringify(corpAt(slapd.url))}]`
  const latchkey = await openTestLatchkey(t, yaml.replace(/^backends: .*$/m, chain))
  const mine = await sessionOf(latchkey, 'alice', userPassword)
  const other = await sessionOf(latchkey, 'alice', userPassword)
  const ask = (newPassword: string, currentPassword = userPassword) =>
    change(latchkey, mine.access_token, { currentPassword, newPassword })
  t.match((await ask('short')).json(), { type: 'urn:latchkey:problem:password-refused', reason: 'too-short' })
  t.match((await ask('eight long', 'wrong')).json(), { type: 'urn:latchkey:problem:invalid-grant' })
  t.equal((await ask('eight long')).statusCode, 204, "the directory's own length counts")
  t.equal((await latchkey.userinfo(mine.access_token)).statusCode, 200)
  t.equal((await latchkey.userinfo(other.access_token)).statusCode, 401)
  t.equal(await refresh(latchkey, mine.refresh_token), 200)
  t.equal(await refresh(latchkey, other.refresh_token), 400)
  t.equal((await latchkey.token({ username: 'alice', password: userPassword, grant_type: 'password' })).statusCode, 400)
  await latchkey.accessToken('alice', 'eight long')
  t.match((await ask(userPassword, 'eight long')).json(), { reason: 'in-history' })
  await slapd.kill()
  const away = await ask('nine long', 'eight long')
  t.match([away.statusCode, away.json().type], [503, 'urn:latchkey:problem:temporarily-unavailable'])
  t.ok(Number(away.headers['retry-after']) > 0)
})
