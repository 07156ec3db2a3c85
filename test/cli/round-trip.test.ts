import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { temporaryFolder } from '../latchkey.ts'
import { command } from '../process.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'

const skip = needs('mariadbd', 'mariadb-install-db', 'mariadb')
const server = skip ? undefined : await startMariadb(['--character-set-server=latin1'])
t.setTimeout(180_000)
t.teardown(() => server?.stop())

/** A folder with a configuration and an empty database. */
async function openPlace(t: Test, database?: string): Promise<string> {
  const folder = await temporaryFolder(t)
  const url = database === undefined ? undefined : await server?.database(database)
  const config = {
    ...{ publicClient: true, issuer: 'http://localhost:8000', backends: [{ id: 'local', type: 'local' }] },
    users: { attributes: { department: { type: 'string', maxLength: 10, required: true }, level: { type: 'number' } } },
    ...(url !== undefined && { database: { url }, secret: 's'.repeat(32) })
  }
  await writeFile(join(folder, 'latchkey.yaml'), stringify(config))
  return folder
}

/** What commands do in one place. */
const doing = (t: Test, folder: string) => {
  const run = (args: readonly string[], input = '') => command(t, args, folder, { input })
  return {
    run,
    done: async (...args: string[]) => t.match(await run(args), { code: 0 }, args.join(' ')),
    users: async (...more: string[]) => (await run(['users', 'export', ...more])).stdout,
    groups: async () => (await run(['groups', 'export'])).stdout,
    grants: async () => (await run(['permissions', 'grants'])).stdout.replaceAll(/user \S+/g, 'user'),
    report: async (what: 'users' | 'groups', text: string, ...more: string[]) => {
      const { stdout, stderr } = await run([what, 'import', '-', '--json', ...more], text)
      return stdout === '' ? stderr : JSON.parse(stdout)
    }
  }
}

/** When a group was made says nothing of what it is. */
const withoutTimes = (groups: string): string => groups.replaceAll(/,"createdAt":"[^"]+"/g, '')

/** People and a group on SQLite who have one of everything. */
async function openFirst(t: Test) {
  const folder = await openPlace(t)
  const first = doing(t, folder)
  const zoe = ['department=a;"b",', 'level=-1.5', 'firstName=Zoë, 2'].flatMap((one) => ['--attribute', one])
  const held = ['--permission', 'blog.add', '--permission', 'blog.x', '--group', 'a;b', '--password-stdin']
  await first.run(['users', 'create', 'zoe@example.com', ...zoe, ...held], 'one long password')
  await first.done('users', 'create', 'bob@example.com', '--attribute', 'department=x', '--superuser')
  await first.done('users', 'change', 'bob@example.com', '--login-name', 'bob', '--login-name', 'b;b')
  const bob = JSON.parse((await first.run(['users', 'show', 'bob@example.com', '--json'])).stdout)
  await first.done('users', 'link', 'bob@example.com', 'local', bob.id, '--username', 'b')
  for (const id of ['7', 'ä "b"', 'Z'])
    await first.done('users', 'grant', bob.id, 'docs.change', '--object', `doc:${id}`)
  await first.done('groups', 'grant', 'a;b', 'docs.change', '--object', 'doc:7')
  await first.done('groups', 'grant', 'a;b', 'blog.x')
  await first.done('users', 'create', 'eve@example.com', '--attribute', 'department=x')
  await first.done('users', 'deactivate', 'eve@example.com')
  const database = new DatabaseSync(join(folder, 'data/latchkey.db'))
  database.exec(`update latchkey_users set email_vouched = 0 where email like 'eve%'; update latchkey_users set created_at = 86400000;
    update latchkey_identities set attributes = '{"firstName":"Bob"}', is_superuser = 1, remembered = 'cn=b'`)
  database.close()
  return first
}

t.test('what is exported can be imported: all of it, in either format, by either dialect', { skip }, async (t) => {
  const first = await openFirst(t)
  const groups = await first.groups()
  const onDoc = '"objectGrants":[{"permission":"docs.change","objectType":"doc","objectId":"7"}]'
  t.match(groups, `{"name":"a;b","permissions":["blog.x"],${onDoc}`)
  for (const [format, databases] of [
    ['csv', [undefined]],
    ['jsonl', ['one', 'two']]
  ] as const) {
    const as = ['--format', format]
    const text = await first.users(...as, '--password-hashes')
    t.match(text, '$argon2id$')
    for (const word of ['Bob', 'cn=b', 'false', '1970-01-02T00:00:00.000Z', 'ä ']) t.match(text, word)
    t.notMatch(await first.users(...as), /argon2id|passwordHash/)
    let before = first
    for (const database of databases) {
      const next = doing(t, await openPlace(t, database))
      const [people, carried] = [await before.users(...as, '--password-hashes'), await before.groups()]
      t.same(await next.report('groups', carried), { read: 1, created: 1, present: 0, refused: 0 })
      t.same(await next.report('users', people, ...as, '--dry-run'), { read: 3, created: 3, present: 0, refused: 0 })
      t.same(await next.report('users', people, ...as), { read: 3, created: 3, present: 0, refused: 0 })
      t.equal(await next.users(...as, '--password-hashes'), text, `${database ?? 'SQLite'} has all of it`)
      t.same(
        await next.report('users', people, ...as),
        { read: 3, created: 0, present: 3, refused: 0 },
        'once is enough'
      )
      t.same(await next.report('groups', carried), { read: 1, created: 0, present: 1, refused: 0 }, 'nor groups')
      t.equal(withoutTimes(await next.groups()), withoutTimes(groups))
      t.equal(await next.grants(), await first.grants(), 'on objects too')
      before = next
    }
  }
})

t.test('who has more than a line can hold goes on in the next, and is whole again or refused', { skip }, async (t) => {
  const folder = await openPlace(t)
  const first = doing(t, folder)
  await first.done('users', 'create', 'ann@example.com', '--attribute', 'department=x', '--permission', 'docs.x')
  await first.done('users', 'create', 'zoe@example.com', '--attribute', 'department=x')
  await first.done('groups', 'create', 'all', '--permission', 'docs.x')
  const database = new DatabaseSync(join(folder, 'data/latchkey.db'))
  const rows = `with recursive n (n) as (select 10001 union all select n + 1 from n where n < 23001)
    select id, '${'t'.repeat(128)}', n || '${'"'.repeat(250)}', 'docs.x' from n`
  database.exec(`insert into latchkey_user_object_grants ${rows}, latchkey_users where email like 'ann%';
    insert into latchkey_group_object_grants ${rows}, latchkey_groups`)
  database.close()

  const [people, groups] = [await first.users(), await first.groups()]
  const lines = people.split(/(?<=\n)/)
  t.ok(people.length > 8 * 1024 * 1024, 'one line would be too long')
  t.same(
    lines.map((line) => /"objectGrantsPart":"(.*?)"/.exec(line)?.[1]),
    ['1/3', '2/3', '3/3', undefined]
  )
  t.match(lines[1], /^\{"email":"ann@example.com","objectGrants":/)
  const second = doing(t, await openPlace(t, 'three'))
  t.same(await second.report('groups', groups), { read: 1, created: 1, present: 0, refused: 0 })
  t.same(await second.report('groups', groups), { read: 1, created: 0, present: 1, refused: 0 }, 'it carries the same')
  t.same(await second.report('users', people), { read: 2, created: 2, present: 0, refused: 0 })
  t.ok((await second.users()) === people, 'all of it is there')
  t.ok(withoutTimes(await second.groups()) === withoutTimes(groups))

  const [one = '', two = '', three = '', zoe = ''] = lines
  const broken: Record<string, readonly [text: string, refused: readonly string[], created?: number]> = {
    'the middle is missing': [one + three + zoe, ['1: part 2 of 3 does not follow', '2: it begins nothing']],
    'the end is missing': [one + two, ['1: part 3 of 3 does not follow'], 0],
    'the beginning is missing': [two + three + zoe, ['1: it begins nothing', '2: it begins nothing']],
    'another order': [one + three + two + zoe, ['1: part 2', '2: it begins', '3: it begins']],
    'of somebody else': [
      one + two.replace('ann@', 'eve@') + three + zoe,
      ['1: part 2', '2: it begins', '3: it begins']
    ],
    'more than grants': [one + two.replace('{', '{"isSuperuser":true,') + three + zoe, ['1: part', '2: it', '3: it']],
    'no JSON in between': [
      `${one}{\n${two}${three}${zoe}`,
      ['1: part 2', '2: not JSON', '3: it begins', '4: it begins']
    ],
    'somebody between': [one + zoe + two + three, ['1: part 2 of 3', '3: it begins', '4: it begins']],
    'a part of none': [zoe.replace('}', ',"objectGrantsPart":"0/0"}'), ['1: it begins nothing'], 0]
  }
  for (const [name, [text, refused, created = 1]] of Object.entries(broken)) {
    const { code, stdout, stderr } = await first.run(['users', 'import', '-', '--json', '--dry-run'], text)
    const told = [...stderr.matchAll(/^line (\d+): (?:objectGrantsPart: )?(.*)$/gm)].map(
      ([, at, why]) => `${at}: ${why}`
    )
    t.match([code, JSON.parse(stdout).refused, told], [1, refused.length, refused], name)
    t.match(JSON.parse(stdout), { created: 0, present: created }, `${name}: nobody is half imported`)
  }
  const csv = await first.run(['users', 'export', '--format', 'csv'])
  t.match(csv, { code: 1, stderr: /ann@example\.com has more than the 8 MiB that an import takes.*export JSON lines/ })
})
