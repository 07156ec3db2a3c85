import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { verify } from '@node-rs/argon2'
import t from 'tap'
import { temporaryFolder } from '../latchkey.ts'
import { matchLists } from '../match.ts'
import { command } from '../process.ts'

const yaml = `publicClient: true
backends: [{ id: local, type: local }]
issuer: http://localhost:8000
permissions: { declare: { blog.view_post: Can view a post } }
users: { attributes: { department: { type: string, maxLength: 10, required: true }, level: { type: number } } }
`

t.test('users, groups and permissions at the command line', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'latchkey.yaml'), yaml)
  const run = (args: string[], input = '') => command(t, args, folder, { input })
  const json = async (args: string[], input = '') => {
    const { stdout, stderr } = await run([...args, '--json'], input)
    return stdout === '' ? { failed: stderr } : JSON.parse(stdout)
  }
  const misused = async (args: string[], says: string) =>
    t.match(await run(args), { code: 2, stdout: '', stderr: `error: ${says}` }, args.join(' '))
  const refused = async (args: string[], says: string | RegExp, input = '') => {
    const { code, stderr } = await run(args, input)
    t.match([code, stderr], [1, says], args.join(' '))
  }
  await refused(
    ['users', 'create-superuser', '--email', 'root@example.com'],
    'nobody can be asked: use --attribute department=…'
  )
  const given = ['--email', 'Root@example.com', '--attribute', 'department=R&D', '--password-stdin']
  t.match(await json(['users', 'create-superuser', ...given], 'correct horse battery\n'), {
    ...{ email: 'root@example.com', isSuperuser: true, hasPassword: true, attributes: { department: 'R&D' } }
  })
  await refused(['users', 'create', 'ann@example.com'], 'department: every user must have it')
  const ann = await json([
    'users',
    'create',
    'ann@example.com',
    '--attribute',
    'department=Sales',
    '--attribute',
    'level=3',
    '--attribute',
    'firstName=Ann'
  ])
  t.match(ann, { firstName: 'Ann', attributes: { department: 'Sales', level: 3 } })
  await refused(['users', 'change', 'ann@example.com', '--attribute', 'department='], 'every user must have it')
  t.match(
    await json(['users', 'change', 'ann@example.com', '--email', 'anna@example.com', '--attribute', 'firstName=']),
    { email: 'anna@example.com', firstName: null }
  )

  await misused(['users', 'change', ann.id], 'name what is to be changed')
  const beside = ['--group', 'left behind', '--attribute', 'department=Sales']
  await refused(['users', 'create', 'bea@example.com', ...beside, '--permission', 'none'], 'is no permission')
  await refused(['users', 'create', 'anna@example.com', ...beside], 'A user has this e-mail already')
  t.equal((await run(['groups', 'list'])).stdout, '', 'no group is made for nobody')

  const named = ['users', 'change', ann.id, '--login-name', 'anna', '--login-name', 'a.n']
  matchLists(t, await json(named), { loginNames: ['a.n', 'anna'] })
  t.match((await run(['users', 'show', 'anna'])).stdout, 'login name      a.n\nlogin name      anna\n')
  matchLists(t, await json(['users', 'change', 'anna', '--login-name', '']), { loginNames: [] })

  t.match(await json(['groups', 'create', 'editors', '--permission', 'blog.view_post']), {
    name: 'editors',
    permissions: ['blog.view_post']
  })
  await refused(['groups', 'create', 'editors'], 'A group has this name already')
  t.match(await json(['groups', 'grant', 'editors', 'blog.add_post', 'blog.x']), {
    permissions: ['blog.add_post', 'blog.view_post', 'blog.x']
  })
  matchLists(t, await json(['groups', 'revoke', 'editors', 'blog.x']), {
    permissions: ['blog.add_post', 'blog.view_post']
  })
  t.match(await json(['groups', 'rename', 'editors', 'Redaktion']), { name: 'Redaktion' })
  t.same(await json(['groups', 'add', 'Redaktion', 'anna@example.com']), { added: [ann.id], removed: [] })
  t.match((await run(['groups', 'show', 'Redaktion'])).stdout, 'member      anna@example.com (local)')
  const anna = { user: ann.id, email: 'anna@example.com', origins: ['local'] }
  t.same((await json(['groups', 'show', 'Redaktion'])).members, [anna])
  t.match(await json(['users', 'grant', ann.id, 'shop.buy']), {
    groups: ['Redaktion'],
    permissions: ['blog.add_post', 'blog.view_post', 'shop.buy']
  })
  const listed = async (...filter: string[]) => (await run(['users', 'list', ...filter])).stdout.match(/\S+@\S+/g) ?? []
  t.same(await listed('--group', 'Redaktion'), ['anna@example.com'])
  t.same(await listed('--permission', 'shop.buy'), ['anna@example.com'])
  t.same(await listed('--superuser'), ['root@example.com'])
  t.same(await listed('--order', 'email', '--descending'), ['root@example.com', 'anna@example.com'])
  matchLists(t, await json(['users', 'revoke', ann.id, 'shop.buy']), {
    permissions: ['blog.add_post', 'blog.view_post']
  })
  await json(['groups', 'remove', 'Redaktion', ann.id])
  const onDoc = ['--object', 'doc:a:1']
  const granted = { user: ann.id, permission: 'docs.change', objectType: 'doc', objectId: 'a:1' }
  t.same(await json(['users', 'grant', 'anna@example.com', 'docs.change', ...onDoc]), granted)
  await run(['groups', 'grant', 'Redaktion', 'docs.view', 'docs.add', ...onDoc])
  const grants = async (...filter: string[]) => (await run(['permissions', 'grants', ...filter])).stdout
  t.equal(
    await grants(...onDoc),
    `docs.change  on doc:a:1  user ${ann.id}\ndocs.add  on doc:a:1  group Redaktion\ndocs.view  on doc:a:1  group Redaktion\n`
  )
  t.equal(await grants('--user', ann.id), `docs.change  on doc:a:1  user ${ann.id}\n`)
  t.match(
    await grants('--group', 'Redaktion', '--object', 'doc', '--json'),
    '"group":"Redaktion","permission":"docs.add"'
  )
  t.equal(await grants('--permission', 'docs.change', '--object', 'other'), '')
  t.equal(await grants('--search', 'docs.', '--user', ann.id), `docs.change  on doc:a:1  user ${ann.id}\n`)
  t.equal(await grants('--search', 'docs.v'), 'docs.view  on doc:a:1  group Redaktion\n')
  t.equal(await grants('--search', 'Docs.'), '')
  await misused(['permissions', 'grants', '--user', ann.id, '--group', 'Redaktion'], '--user and --group')
  await misused(['users', 'grant', ann.id, 'docs.change', '--object', 'doc'], '--object takes TYPE:ID')
  await refused(['users', 'grant', ann.id, 'docs.half', 'none', ...onDoc], 'is no permission')
  t.equal(await grants('--permission', 'docs.half'), '', 'not by halves')
  await misused(['users', 'change', ann.id, '--attribute', 'level'], '--attribute "level": expected name=value')
  await misused(['users', 'set-password', ann.id, '--unset', '--password-stdin'], '--unset and --password-stdin')
  for (const act of ['retry', 'delete']) await misused(['webhooks', act], 'name deliveries by their ids')
  await misused(['webhooks', 'retry', 'x', '--webhook', 'y'], '--webhook goes with --all')
  t.same(await json(['users', 'revoke', ann.id, 'docs.change', ...onDoc]), granted)
  await refused(['users', 'revoke', ann.id, 'docs.change', ...onDoc], 'There is no such grant')
  t.equal((await run(['groups', 'delete', 'Redaktion'])).code, 0)
  t.equal((await run(['groups', 'list'])).stdout, '')

  await refused(['users', 'delete', 'root@example.com'], 'This is the last active superuser')
  await refused(['users', 'deactivate', 'root@example.com'], 'This is the last active superuser')
  t.match(await json(['users', 'superuser', ann.id]), { isSuperuser: true })
  t.match(await json(['users', 'superuser', ann.id, '--off']), { isSuperuser: false })
  t.match(await json(['users', 'link', ann.id, 'local', ann.id, '--username', 'y']), {
    identities: [{ backend: 'local', subject: ann.id, username: 'y' }]
  })
  matchLists(t, await json(['users', 'unlink', ann.id, 'local', ann.id]), { identities: [] })
  t.match(await json(['users', 'set-password', ann.id, '--password-stdin'], 'one long password\n'), {
    hasPassword: true
  })
  t.match(await json(['users', 'set-password', ann.id, '--unset']), { hasPassword: false })
  t.equal((await run(['users', 'delete', ann.id])).stdout, 'deleted anna@example.com\n')
  t.same(await listed('--inactive'), [])

  t.match(await json(['permissions', 'create', 'shop.sell', 'Can sell']), {
    name: 'shop.sell',
    source: 'administration'
  })
  await refused(['permissions', 'create', 'shop.sell', 'Again'], 'There is such a permission already')
  t.match(await json(['permissions', 'describe', 'shop.buy', 'Can buy']), { description: 'Can buy' })
  await refused(['permissions', 'delete', 'none.such'], 'There is no such permission')
  t.equal((await run(['permissions', 'delete', 'shop.sell'])).code, 0)
})

const django = 'pbkdf2_sha256$260000$salt$rc7nT4lJkEnbsVzFqBgo0e1Zl4Jv4M2lL4mVnkWXqpU='

t.test('each line that is refused is told, and the others are imported', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'latchkey.yaml'), yaml)
  const lines = [
    '\ufeff{"email":"one@example.com","department":"x"}',
    'not json',
    '[]',
    '{"department":"x"}',
    '{"email":"two@example.com"}',
    '',
    '{"email":"two@example.com","department":"far too long a name"}',
    '{"email":"two@example.com","department":"x","level":"high"}',
    '{"email":"two@example.com","department":"x","nick":"t"}',
    '{"email":"two@example.com","department":"x","passwordHash":"md5"}',
    '{"email":"two@example.com","department":"x","permissions":["nodot"]}',
    '{"email":"two@example.com","department":"x","isActive":"perhaps"}',
    '{"email":"two@example.com","department":"x","identities":[{"backend":"none","subject":"1"}]}',
    '{"email":"ONE@example.com","department":"x"}',
    '{"email":"two@example.com","department":"x","passwordHash":"d41d8cd98f00b204e9800998ecf8427e"}',
    '{"email":"two@example.com","department":"x","createdAt":"yesterday"}',
    '{"email":"two@example.com","department":"x","identities":[{"backend":"local","subject":"1","attributes":{"level":"x"}}]}',
    `{"email":"two@example.com","department":"x","passwordHash":"${django}"}`,
    '{"email":"three@example.com","attributes":{"department":"x"},"groups":["g"]}',
    '{"email":"four@example.com","department":"x","\\u0065mail":"five@example.com"}',
    '{"email":"four@example.com","attributes":{"department":"x","department":"y"}}',
    '{"email":"four@example.com","department":"x","firstName":"\\"email\\": 1","objectGrants":[{"permission":"docs.x","objectType":""}]}',
    '{"email":"four@example.com","department":"x","createdAt":"2026-02-31"}',
    '{"email":"four@example.com","department":"x","createdAt":"7"}',
    '{"email":"four@example.com","department":"x","identities":[{"backend":"local","subject":"a\\u0000"}]}',
    '{"email":"four@example.com","department":"x","identities":[{"backend":"local","subject":"a","username":"a\\nb"}]}',
    `{"email":"four@example.com","department":"x","identities":[{"backend":"local","subject":"a","remembered":"${'x'.repeat(32_769)}"}]}`
  ]
  await writeFile(join(folder, 'some.jsonl'), lines.join('\r\n'))
  const { code, stdout, stderr } = await command(t, ['users', 'import', 'some.jsonl'], folder)
  t.same([code, stdout], [1, '26 read: 3 created, 1 there already, 22 refused\n'])
  t.same(
    [...stderr.matchAll(/^line (\d+): (\w+)/gm)].map(([, line, word]) => `${line} ${word}`),
    [
      '2 not',
      '3 expected',
      '4 email',
      '5 department',
      '7 department',
      '8 level',
      '9 nick',
      '10 passwordHash',
      '11 ',
      '12 isActive',
      '13 identities',
      '15 passwordHash',
      '16 createdAt',
      '17 level',
      '20 email',
      '21 department',
      '22 objectGrants',
      ...['23 createdAt', '24 createdAt', '25 identities', '26 identities', '27 identities']
    ].filter((text) => !text.startsWith('11'))
  )
  const { stdout: exported } = await command(t, ['users', 'export', '--password-hashes'], folder)
  t.match(exported, django, 'a hash of another kind')
  t.match(stderr, 'line 11: "nodot" is no permission')
  await writeFile(join(folder, 'some.csv'), 'email,department\nfour@example.com,x,y\n"five@example.com",x\n')
  const csv = await command(t, ['users', 'import', 'some.csv'], folder)
  t.match(
    [csv.stdout, csv.stderr],
    ['2 read: 1 created, 0 there already, 1 refused', 'line 2: another number of columns']
  )
  const quoted = ['email,department', '"six@example.com","x\r\ny"', '"seven\n@example.com",x', 'eight,x', ',x']
  await writeFile(join(folder, 'quoted.csv'), `\ufeff${quoted.join('\r\n')}\r\n`)
  t.same(
    (await command(t, ['users', 'import', 'quoted.csv'], folder)).stderr.match(/line \d+: \w+/g),
    ['line 2: department', 'line 4: email', 'line 6: email', 'line 7: email'],
    'where each begins'
  )
  const typed = ['email,department,password', 'six@example.com,x,one long password', 'seven@example.com,x,short']
  typed.push('eight@example.com,x,eight@example.com', 'one@example.com,x,short', 'SIX@example.com,x,another long one')
  await writeFile(join(folder, 'typed.csv'), typed.join('\n'))
  for (const [more, done] of [
    [['--dry-run'], 'would be created'],
    [[], 'created']
  ] as const) {
    const { stdout: report, stderr: why } = await command(t, ['users', 'import', 'typed.csv', ...more], folder)
    t.equal(report, `5 read: 1 ${done}, 2 there already, 2 refused\n`)
    t.match(why, /^line 3: password: .* too short.*\nline 4: password: .* nothing but a name/)
  }
  const doubtful = [
    [
      '"identities":[{"backend":"local","subject":"1"},{"backend":"local","subject":"1"}]',
      'identities: one is there twice'
    ],
    ['"identities":[{"backend":"local","subject":"1","admin":true}]', 'identities: admin: there is no such field'],
    ['"attributes":{"department":"y"}', 'department: it is there twice']
  ] as const
  const asked = doubtful.map(([more], n) => `{"email":"doubt${n}@example.com","department":"x",${more}}\n`).join('')
  const one =
    '{"email":"sure@example.com","department":"x","identities":[{"backend":"local","subject":"2","lastSeenAt":""}]}'
  t.same(await command(t, ['users', 'import', '-'], folder, { input: `${asked}${one}` }), {
    code: 1,
    stdout: '4 read: 1 created, 0 there already, 3 refused\n',
    stderr: `${doubtful.map(([, why], n) => `line ${n + 1}: ${why}\n`).join('')}3 of 4 were refused\n`
  })
  const both = `{"email":"two.of@example.com","department":"x","password":"one long password","passwordHash":"${django}"}`
  t.match((await command(t, ['users', 'import', '-'], folder, { input: both })).stderr, 'beside passwordHash')
  const { stdout: written } = await command(t, ['users', 'export', '--password-hashes'], folder)
  const [, own = ''] = /"email":"six@.*?"passwordHash":"([^"]+)"/.exec(written) ?? []
  t.equal(await verify(own, 'one long password'), true, 'a password in plain text is hashed as any other')
  await writeFile(join(folder, 'broken.csv'), 'email,department\n"four@example.com,x')
  t.match(await command(t, ['users', 'import', 'broken.csv'], folder), { code: 1, stderr: /can't be read on/ })
  await writeFile(join(folder, 'quoted.csv'), 'email,password\nfour@example.com,a kettle "full" of dice\n')
  const { stderr: said } = await command(t, ['users', 'import', 'quoted.csv'], folder)
  t.match(said, "can't be read on: a quote stands within a value that does not begin with one (line 2)")
  t.notMatch(said, /kettle|dice/)
  await writeFile(join(folder, 'twice.csv'), 'email,department,email\nfour@example.com,x,five@example.com\n')
  await mkdir(join(folder, 'folder.csv'))
  const unread = {
    'none.csv': "none.csv can't be read: there is no such file (ENOENT)\n",
    [folder]: `${folder} can't be read: it is a folder (EISDIR)\n`,
    'folder.csv': "folder.csv can't be read: it is a folder (EISDIR)\n",
    'some.csv/x': "some.csv/x can't be read: there is no such file (ENOTDIR)\n",
    '/proc/self/mem': "/proc/self/mem can't be read: EIO\n",
    'twice.csv': 'line 1: email: it is there twice\n'
  }
  for (const [file, stderr] of Object.entries(unread)) {
    t.same(await command(t, ['users', 'import', file], folder), { code: 1, stdout: '', stderr }, file)
  }
  const many = Array.from({ length: 5000 }, (_, n) => `{"email":"p${n}@example.com","department":"x"}\n`).join('')
  const started = performance.now()
  t.match(await command(t, ['users', 'import', '-'], folder, { input: many }), {
    code: 0,
    stdout: '5000 read: 5000 created'
  })
  t.comment(`5000 users in ${Math.round(performance.now() - started)} ms`)
  t.match(await readFile(join(folder, 'some.jsonl'), 'utf8'), 'one@example.com')
})
