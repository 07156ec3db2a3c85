import t from 'tap'
import { claimsOf, openTestLatchkey } from '../latchkey.ts'
import { groupOfNames, groupsBase, peopleBase, person, userPassword } from '../servers/ldap-fixtures.ts'
import { needs } from '../servers/needs.ts'
import { startSlapd } from '../servers/slapd.ts'

const names = ['alice', 'gone', 'fired', 'renamed', 'waiting']

t.test('a refresh asks the directory again', { skip: needs('slapd', 'ldapadd') }, async (t) => {
  const slapd = await startSlapd(t, {
    entries: [...names.map((name) => person(name)), groupOfNames('former', [`uid=nobody,${peopleBase}`])]
  })
  const latchkey = await openTestLatchkey(
    t,
    `
publicClient: true
login: { failureFloor: 1ms, timeout: 2s }
limits: { ip: false }
backends:
  - id: corp
    type: ldap
    servers: ["${slapd.url}"]
    insecure: true
    timeout: 500ms
    bind: { dn: "${slapd.bind.dn}", password: "${slapd.bind.password}" }
    users: [{ base: "${peopleBase}", filter: "(uid={username})" }]
    email: { domains: [example.com] }
    groups: { base: "${groupsBase}", type: groupOfNames }
    deny: { group: "cn=former,${groupsBase}" }
    permissions: { "cn=former,${groupsBase}": [blog.archive], "cn=editors,${groupsBase}": [blog.add_post] }
  - { id: local, type: local }
`
  )
  const login = async (username: string): Promise<{ access_token: string; refresh_token: string }> =>
    (await latchkey.token({ grant_type: 'password', username, password: userPassword })).json()
  const refresh = (refresh_token: string) => latchkey.token({ grant_type: 'refresh_token', refresh_token })
  const [alice, gone, fired, renamed, waiting] = await Promise.all(names.map(login))
  if (!alice || !gone || !fired || !renamed || !waiting) throw new Error('no sessions')

  await slapd.add([groupOfNames('editors', [`uid=alice,${peopleBase}`])])
  const renewed = await refresh(alice.refresh_token)
  t.same(claimsOf(renewed.json().access_token).permissions, ['blog.add_post'], 'permissions of now, past the cache')

  await slapd.modify(`dn: uid=gone,${peopleBase}\nchangetype: delete\n`)
  t.equal((await refresh(gone.refresh_token)).json().error, 'invalid_grant')
  t.equal((await latchkey.userinfo(gone.access_token)).statusCode, 401, 'whoever is gone has no token left')

  const former = `dn: cn=former,${groupsBase}\nchangetype: modify\nadd: member\nmember: uid=fired,${peopleBase}\n`
  await slapd.modify(former)
  t.equal((await refresh(fired.refresh_token)).json().error, 'invalid_grant')
  t.equal((await latchkey.userinfo(fired.access_token)).statusCode, 401)

  await slapd.modify(
    `dn: uid=renamed,${peopleBase}\nchangetype: modify\nreplace: mail\nmail: new@example.com\n\n` +
      `dn: uid=renamed,${peopleBase}\nchangetype: modrdn\nnewrdn: uid=other\ndeleteoldrdn: 1\n`
  )
  const follows = await refresh(renamed.refresh_token)
  t.match(claimsOf(follows.json().access_token), { email: 'new@example.com', sub: claimsOf(renamed.access_token).sub })

  slapd.pause()
  const down = await refresh(waiting.refresh_token)
  t.equal(down.statusCode, 503)
  t.equal(down.json().error, 'temporarily_unavailable')
  t.ok(Number(down.headers['retry-after']) > 0)
  t.equal((await refresh(waiting.refresh_token)).statusCode, 503, 'and ends nothing')
  slapd.resume()
  let back = await refresh(waiting.refresh_token)
  for (let tries = 0; back.statusCode === 503 && tries < 50; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    back = await refresh(waiting.refresh_token)
  }
  t.equal(back.statusCode, 200, 'the session lived through it')
  t.match(latchkey.log(), /"event":"session_ended"[^\n]*the account is gone/)
  t.match(latchkey.log(), /"event":"session_ended"[^\n]*not-allowed/)
})
