import { randomUUID } from 'node:crypto'
import t from 'tap'
import { openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { command } from '../process.ts'

const email = 'ann@example.com'
const password = 'canary-correct-horse'

t.test('acts at the console are events, looks are none, and all are found', async (t) => {
  const cwd = await temporaryFolder(t)
  const latchkey = (args: string, input?: string) =>
    command(t, args.split(' '), cwd, input === undefined ? {} : { input })
  const done = async (args: string, input?: string) => {
    const { code, stdout, stderr } = await latchkey(args, input)
    t.equal(code, 0, `${args}: ${stderr}`)
    return stdout
  }
  await done(`users create ${email} --password-stdin --permission blog.add_post --group staff`, password)
  await done(`users change ${email} --login-name ann-1815`)
  await done('clients create web')
  await done(`users list`)
  t.equal((await latchkey(`users create ${email}`)).code, 1, 'refused')
  await done(`users deactivate ${email}`)
  await done(`sessions revoke --user ${email}`)
  const lines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  const events = lines(await done('audit --json'))
  t.match(events, [
    {
      action: 'sessions.revoke',
      user: /^[0-9a-f-]{36}$/,
      actor: 'console',
      kind: 'administration',
      outcome: 'success'
    },
    { action: 'users.deactivate' },
    { action: 'users.create', outcome: 'refused', reason: 'already_exists' },
    { action: 'clients.create', target: 'web' },
    { action: 'users.change' },
    { action: 'users.create', details: { permission: ['blog.add_post'], group: ['staff'] } }
  ])
  t.equal(events.length, 6)
  t.notMatch(JSON.stringify(events), /canary|secret/)
  const count = async (args: string) => (await done(`audit ${args}`)).split('\n').length - 1
  t.equal(await count(`--user ${email}`), 5)
  t.equal(await count('--user ann-1815'), 5)
  t.equal(await count(`--user ${events[0].user} --kind administration --since 1h`), 5)
  t.equal(await count('--actor console'), 6)
  t.equal(await count('--actor service'), 0)
  t.equal(await count(`--actor ${email}`), 0, 'she did nothing to anybody')
  t.equal(await count('--kind login'), 0)
  t.equal(await count('--search ann'), 0, 'an act at the console has no login name')
  t.equal(await count('--client web'), 0, 'no act went through it')
  t.equal(await count('--limit 2'), 2)
  t.equal(await count('--until 2026-01-01'), 0)
  t.match(
    await done('audit --limit 1'),
    /^20[\dT:.-]+Z {2}administration {2}success {2}sessions\.revoke {2}.* by console\n$/
  )
  for (const wrong of [
    '--kind nonsense',
    '--since yesterday',
    '--since 2026-02-31',
    '--until 2026-01-31(x)',
    '--limit 0'
  ])
    t.equal((await latchkey(`audit ${wrong}`)).code, 2, wrong)
  for (const nobody of ['--user nobody@example.com', '--user nobody', '--actor nobody'])
    t.match(await latchkey(`audit ${nobody}`), { code: 1, stderr: /there is no user "nobody.*: ask by id/ })
  t.equal(await count(`--user ${randomUUID()}`), 0, 'events outlive their user')
})

t.test('a name can not look like the fields behind it', async (t) => {
  const latchkey = await openTestLatchkey(t, 'backends: [{ id: local, type: local }]')
  const username = 'root  backend local  from 10.0.0.1'
  const event = { kind: 'login', outcome: 'refused', username, ip: '192.0.2.1' } as const
  await latchkey.parts.audit.record(event, latchkey.parts.log)
  const { stdout } = await command(t, ['audit', '--kind', 'login'], latchkey.folder)
  t.match(stdout, /login {2}refused {2}"root {2}backend local {2}from 10\.0\.0\.1" {2}from 192\.0\.2\.1\n$/)
})

t.test('text from elsewhere moves no cursor', async (t) => {
  const latchkey = await openTestLatchkey(t, 'backends: [{ id: local, type: local }]')
  const event = {
    kind: 'login',
    outcome: 'refused',
    subject: 'x\n2026-01-01  login  success\u001b[2J\u202e\u009b'
  } as const
  await latchkey.parts.audit.record({ ...event, username: 'evil\r\nname\0\u2028' }, latchkey.parts.log)
  const { stdout } = await command(t, ['audit', '--kind', 'login'], latchkey.folder)
  t.match(stdout, /evil\\u\{d\}\\u\{a\}name\\u\{0\}\\u\{2028\}\n$/)
  const search = async (...filter: string[]) =>
    (await command(t, ['audit', '--search', ...filter], latchkey.folder)).stdout
  t.equal(await search('evil\\u{d}', '--kind', 'login'), stdout, 'found as it is written')
  for (const filter of [['Evil'], ['evil', '--kind', 'refresh'], ['%']])
    t.equal(await search(...filter), '', filter.join(' '))
  const json = (await command(t, ['audit', '--kind', 'login', '--json'], latchkey.folder)).stdout
  t.equal(json.trim().split('\n').length, 1)
  t.equal(JSON.parse(json).subject, 'x\\u{a}2026-01-01  login  success\\u{1b}[2J\\u{202e}\\u{9b}')
})
