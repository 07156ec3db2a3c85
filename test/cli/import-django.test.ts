import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { ownPermissions } from '../../src/admin/own-permissions.ts'
import { openStore } from '../../src/store/index.ts'
import { claimsOf, openTestLatchkey, temporaryFolder } from '../latchkey.ts'
import { command } from '../process.ts'
import { type DjangoProject, type DjangoWorld, djangoProject, needsDjango } from '../servers/django.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { needs } from '../servers/needs.ts'

const password = 'correct horse battery'
const hashers = ['pbkdf2_sha256', 'pbkdf2_sha1', 'argon2', 'bcrypt_sha256', 'bcrypt', 'sha1', 'md5']
const base = `publicClient: true
login: { failureFloor: 1ms, timeout: 60s }
passwords: { queueTimeout: 50s }
limits: { ip: false, account: false }
backends: [{ id: local, type: local, timeout: 50s }]
users: { attributes: { department: { type: string, maxLength: 10 }, born: { type: date }, member: { type: boolean } } }
permissions: { declare: { blog.own: Ours } }
`

const codenames = ['add_post', 'change_post', 'delete_post', 'view_post']
const groups = {
  editors: ['blog.change_post', 'blog.view_post'],
  ' odd': ['blog.delete_post'],
  Ünïcode: ['auth.view_user']
}
const people = [
  ...hashers.map((hasher) => ({
    ...{ username: `by.${hasher}`, email: `by.${hasher}@example.com`, password, hasher },
    ...{ groups: ['editors'], permissions: ['blog.add_post'] }
  })),
  {
    ...{
      username: 'Ann',
      email: 'Ann.Old@Example.COM',
      password,
      hasher: 'md5',
      first_name: 'Ann',
      last_name: 'Éxample'
    },
    ...{ groups: ['Ünïcode', ' odd'], permissions: ['blog.delete_post'], is_staff: true },
    ...{ date_joined: '2019-03-04T05:06:07.089000+00:00', last_login: '2024-05-06T07:08:09+02:00' }
  },
  {
    username: 'root',
    email: 'root@example.com',
    password,
    hasher: 'md5',
    is_superuser: true,
    permissions: ['blog.add_post']
  },
  { username: 'gone', email: 'gone@example.com', password, hasher: 'md5', is_active: false, groups: ['editors'] },
  {
    username: 'gone.root',
    email: 'gone.root@example.com',
    password,
    is_active: false,
    is_superuser: true,
    hasher: 'md5'
  },
  { username: 'none', email: 'none@example.com', permissions: ['blog.view_post'] },
  { username: 'plain', email: 'plain@example.com', password, hasher: 'unsalted_md5' },
  { username: 'blank', email: '', password, hasher: 'md5' },
  { username: 'wrong', email: 'not an address', password, hasher: 'md5' },
  { username: 'twin', email: 'twin@example.com', password, hasher: 'md5' },
  { username: 'Twin', email: 'TWIN@Example.com', password, hasher: 'md5' },
  { username: 'taken', email: 'taken@example.com', password, hasher: 'md5' },
  { username: 'by.md5@example.com', email: 'shadow@example.com', password, hasher: 'md5' },
  { username: 'old@example.com', email: 'moved@example.com', password, hasher: 'md5' },
  { username: 'same@example.com', email: 'Same@example.com', password, hasher: 'md5' },
  { username: 'x'.repeat(150), email: 'long@example.com', password, hasher: 'md5' }
]

interface Line {
  readonly problem: string
  readonly username?: string
  readonly of: string
  readonly imported: boolean
}

/** Brings a project into a service and back to Django's own answers. */
async function movesIn(
  t: Test,
  source: string,
  world: DjangoWorld,
  project: DjangoProject,
  folder: string,
  yaml = base
): Promise<void> {
  await writeFile(join(folder, 'latchkey.yaml'), yaml)
  await command(t, ['users', 'create', 'taken@example.com'], folder)
  const run = (...args: string[]) => command(t, ['import', 'django', source, ...args], folder)
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await run('--json', ...args)
    t.equal(code, 0, stderr)
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    return { report: lines.pop(), problems: lines as Line[] }
  }
  const expected = [
    'invalid-email wrong',
    'no-email blank',
    'shared-email Twin',
    'shared-email twin',
    'shared-group  odd',
    'shared-username by.md5@example.com',
    'taken-email taken',
    'unusable-password plain'
  ]
  const said = (problems: readonly Line[]) =>
    problems.map(({ problem, username, of }) => `${problem} ${username ?? of}`).sort()
  const wanted = expected.map((line) => line.replace('shared-group', 'invalid-group')).sort()
  const total = people.length
  const created = total - 5
  const dry = await json('--dry-run')
  t.same(said(dry.problems), wanted)
  t.match(dry.report, { read: total, created, present: 0, refused: 5 })
  t.equal((await command(t, ['users', 'list'], folder)).stdout.trim().split('\n').length, 1, 'nothing was written')

  const first = await run('--staff-permission', 'latchkey.view_user')
  t.equal(first.code, 0, first.stderr)
  t.match(first.stdout, `${total} read: ${created} created, 0 there already, 5 not imported\n2 groups created`)
  t.match(first.stdout, /^shared-email {7}\d+ {2}twin {2}twin@example.com: account \d+ has it too$/m)

  const latchkey = await openTestLatchkey(t, yaml, {}, folder)
  const { store } = latchkey
  const known = new Map(Object.values(project.users).map((user) => [user.username, user]))
  t.same(
    (await store.permissions.list({ limit: 1000 })).items
      .filter(({ origin }) => origin === 'administration')
      .map(({ name, description }) => [name, description]),
    Object.entries(project.permissions).sort(([a], [b]) => (a < b ? -1 : 1)),
    'permissions with their descriptions'
  )

  for (const { username, email, is_active: isActive = true, password: given, hasher } of people as Array<
    Record<string, string>
  >) {
    const name = String(username)
    const django = known.get(name)
    const refused = ['blank', 'wrong', 'twin', 'Twin', 'taken'].includes(name)
    const opens = !refused && isActive !== (false as never) && given !== undefined && hasher !== 'unsalted_md5'
    const login = async (as: string, word = password) =>
      latchkey.token({ grant_type: 'password', username: as, password: word })
    if (!opens) {
      t.equal((await login(name)).statusCode, 400, name)
      continue
    }
    const user = await store.users.byEmail(String(email).toLowerCase())
    const hash = async () => (await store.accounts.byId(user?.id ?? ''))?.passwordHash
    t.equal(await hash(), django?.password, `${name}: the hash as it was`)
    t.equal((await login(name, 'wrong')).statusCode, 400)
    t.equal(await hash(), django?.password, `${name}: a wrong password upgrades nothing`)
    const shadowed = name === 'by.md5@example.com'
    for (const as of shadowed ? [String(email)] : [String(email), name, name.normalize('NFKD')]) {
      const answer = await login(as)
      t.equal(answer.statusCode, 200, `${as}: ${answer.body}`)
      const {
        sub,
        permissions = [],
        ...claims
      } = claimsOf(answer.json().access_token) as { sub: string; permissions: string[] }
      t.equal(sub, user?.id, as)
      t.notOk('email_verified' in claims, 'nobody made sure of the address')
      const own = permissions.filter((one) => !Object.hasOwn(ownPermissions, one) && one !== 'blog.own')
      t.same(
        own,
        name === 'Ann' ? ['auth.view_user', 'blog.delete_post'] : django?.permissions,
        `${name}: as Django has it`
      )
      if (name === 'Ann') t.ok(permissions.includes('latchkey.view_user'), 'what is_staff became')
    }
    t.match(await hash(), /^\$argon2id\$/, `${name}: rehashed`)
    if (shadowed)
      t.equal(
        (await login(name)).json().access_token && claimsOf((await login(name)).json().access_token).email,
        'by.md5@example.com'
      )
  }
  const ann = await store.users.byEmail('ann.old@example.com')
  t.match(ann, {
    createdAt: Date.parse('2019-03-04T05:06:07.089Z'),
    ownAttributes: { firstName: 'Ann', lastName: 'Éxample' },
    emailVouched: false,
    identities: [{ backend: 'django', username: 'Ann' }, { backend: 'local' }]
  })
  t.match(await store.users.byEmail('gone.root@example.com'), { isActive: false, isSuperuser: true })
  t.match(await store.users.byEmail('none@example.com'), { hasPassword: false, lastLoginAt: null })
  t.same((await store.holdings.of([ann?.id ?? ''])).get(ann?.id ?? '')?.loginNames, ['Ann'])

  await command(t, ['users', 'change', 'Ann', '--email', 'ann@example.com', '--attribute', 'firstName=Anna'], folder)
  await command(t, ['users', 'delete', 'taken@example.com'], folder)
  await command(t, ['groups', 'grant', 'editors', 'blog.delete_post'], folder)
  const added = { username: 'late', email: 'late@example.com', password, hasher: 'md5', groups: ['editors', 'Ünïcode'] }
  await djangoProject({ ...world, people: [added] })
  const second = await json()
  t.match(second.report, { read: total + 1, created: 2, present: created, refused: 4 })
  t.same(said(second.problems), [
    'differing-group editors',
    'invalid-email wrong',
    'invalid-group  odd',
    'no-email blank',
    'shared-email Twin',
    'shared-email twin'
  ])
  t.match(
    await store.users.byEmail('ann@example.com'),
    { ownAttributes: { firstName: 'Anna' } },
    'changed here, and left so'
  )
  t.equal(await store.users.byEmail('ann.old@example.com'), undefined)
  const late = await store.users.byEmail('late@example.com')
  t.same(
    (await store.users.storedPermissions(late?.id ?? '')).groups,
    ['Ünïcode'],
    'not into a group that carries more here'
  )
  t.match((await json()).report, { created: 0, present: created + 2 })
  await command(t, ['groups', 'grant', 'Ünïcode', 'docs.change', '--object', 'doc:1'], folder)
  await djangoProject({ ...world, people: [{ ...added, username: 'later', email: 'later@example.com' }] })
  t.ok(said((await json()).problems).includes('differing-group Ünïcode'), 'on an object')
  const later = await store.users.byEmail('later@example.com')
  t.same((await store.userExport.of([later?.id ?? ''])).get(later?.id ?? '')?.groups, [])
  const { stdout: audited } = await command(t, ['audit', '--json'], folder)
  t.match(audited, '"action":"import.django"')
  t.notOk(audited.includes('secret@'), 'the password in the URL stays out of the audit')
}

t.test('from a database that Django made in SQLite', { skip: needsDjango() }, async (t) => {
  const folder = await temporaryFolder(t)
  const database = { ENGINE: 'django.db.backends.sqlite3', NAME: join(folder, 'db.sqlite3') }
  const world: DjangoWorld = { database, codenames, groups, people }
  await movesIn(t, `file:${database.NAME}`, world, await djangoProject(world), folder)
})

t.test(
  'from a database that Django made in MariaDB',
  { skip: needsDjango('MySQLdb') || needs('mariadbd', 'mariadb-install-db', 'mariadb') },
  async (t) => {
    const server = await startMariadb(['--character-set-server=utf8mb4', '--collation-server=utf8mb4_bin'])
    t.teardown(() => server.stop())
    const url = await server.database('django')
    const database = {
      ...{ ENGINE: 'django.db.backends.mysql', NAME: 'django', USER: 'latchkey', PASSWORD: 'secret' },
      ...{ HOST: '127.0.0.1', PORT: server.port }
    }
    const world: DjangoWorld = { database, codenames, groups, people }
    const own = await server.database('latchkey')
    const yaml = `${base}secret: a secret of at least thirty-two bytes\ndatabase: { url: "${own}" }\n`
    await movesIn(t, url, world, await djangoProject(world), await temporaryFolder(t), yaml)
  }
)

const models = `
import uuid
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class Member(AbstractBaseUser, PermissionsMixin):
    uid = models.UUIDField(primary_key=True, default=uuid.uuid4)
    login = models.CharField(max_length=80, unique=True)
    mail = models.CharField(max_length=200, db_column="e_mail")
    dept = models.CharField(max_length=80, null=True)
    born = models.DateField(null=True)
    member = models.BooleanField(default=False)
    USERNAME_FIELD = "login"
    EMAIL_FIELD = "mail"
`

t.test('from a user model of one’s own, with fields of one’s own', { skip: needsDjango() }, async (t) => {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'club'))
  await writeFile(join(folder, 'club/__init__.py'), '')
  await writeFile(join(folder, 'club/models.py'), models)
  await writeFile(join(folder, 'latchkey.yaml'), base)
  const NAME = join(folder, 'db.sqlite3')
  const crowd = Array.from({ length: 1200 }, (_, n) => ({ login: `m${n}`, mail: `m${n}@example.com` }))
  await djangoProject({
    database: { ENGINE: 'django.db.backends.sqlite3', NAME },
    userModel: { folder },
    codenames,
    groups: { editors: ['blog.add_post'] },
    people: [
      ...crowd,
      {
        login: 'ann',
        mail: 'ann@example.com',
        password,
        dept: 'Press',
        born: '1990-02-03',
        member: true,
        groups: ['editors'],
        permissions: ['blog.view_post']
      },
      { login: 'bob', mail: 'bob@example.com', password, dept: 'far too long a name' }
    ]
  })
  const run = (...args: string[]) => command(t, ['import', 'django', `file:${NAME}`, ...args], folder)
  const wrong: ReadonlyArray<readonly [string[], string]> = [
    [[], 'there is no table auth_user: name it with --user-table'],
    [['--user-table', 'club_member'], 'club_member has no column id: name it with --id-column'],
    [['--user-table', 'club_member', '--id-column', 'nothing'], 'club_member has no column nothing'],
    [['--user-table', 'club_member', '--groups-table', 'auth_group'], 'auth_group: expected a table with group_id'],
    [['--attribute', 'shoe=dept'], 'expected field=column'],
    [['--id', 'local'], 'a backend is called local'],
    [['--id', ''], '--id: expected'],
    [['--staff-permission', 'staff'], '--staff-permission: expected']
  ]
  for (const [args, says] of wrong) {
    const { code, stderr } = await run(...args)
    t.match([code, stderr], [1, says])
  }
  t.match((await command(t, ['import', 'django', 'file:none.sqlite3'], folder)).stderr, 'there is no such file')
  t.match((await command(t, ['import', 'django', 'http://x'], folder)).stderr, 'expected mysql://')
  const settings = [
    ...['--user-table', 'club_member', '--id-column', 'uid', '--username-column', 'login', '--email-column', 'e_mail'],
    ...[
      '--attribute',
      'department=dept',
      '--attribute',
      'born=born',
      '--attribute',
      'member=member',
      '--emails-verified'
    ]
  ]
  const { code, stdout, stderr } = await run(...settings)
  t.equal(code, 0, stderr)
  t.match(
    stdout,
    /^refused-field .* bob {2}bob@example\.com: department: too long, or of another type; imported without$/m
  )
  t.match(stdout, '1202 read: 1202 created, 0 there already, 0 not imported\n1 groups created')
  const shown = JSON.parse((await command(t, ['users', 'show', 'ann', '--json'], folder)).stdout)
  t.match(shown, {
    ...{ email: 'ann@example.com', loginNames: ['ann'], groups: ['editors'], hasPassword: true },
    attributes: { department: 'Press', born: '1990-02-03', member: true }
  })
  t.same(shown.permissions.sort(), ['blog.add_post', 'blog.view_post'])
  const store = await openStore({
    url: `file:${join(folder, 'data/latchkey.db')}`,
    log: { debug() {}, info() {}, warn() {}, error() {} }
  })
  t.match(await store.users.byEmail('ann@example.com'), { emailVouched: true })
  await store.close()

  const other = join(folder, 'other')
  await mkdir(other)
  await writeFile(join(other, 'latchkey.yaml'), base)
  const database = new DatabaseSync(NAME)
  database.exec('drop table club_member_groups; drop table club_member_user_permissions')
  database.close()
  const bare = await command(t, ['import', 'django', `file:${NAME}`, ...settings], other)
  t.match(bare.stdout, '1202 read: 1202 created', 'a model without permissions')
})

t.test('a time that is none is not guessed, and a name that is far too long goes nowhere', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'latchkey.yaml'), base)
  const database = new DatabaseSync(join(folder, 'db.sqlite3'))
  database.exec(`create table django_content_type (id integer primary key, app_label text);
    create table auth_permission (id integer primary key, name text, content_type_id integer, codename text);
    create table auth_group (id integer primary key, name text);
    create table auth_group_permissions (id integer primary key, group_id integer, permission_id integer);
    create table auth_user (id integer primary key, username text, email text, password text,
      date_joined default '2024-02-30 00:00:00', last_login default '1.5')`)
  const run = () => command(t, ['import', 'django', 'file:db.sqlite3'], folder)
  const insert = database.prepare('insert into auth_user (username, email, password) values (?, ?, ?)')
  insert.run('n'.repeat(100_000), 'Long@Example.com', '!')
  insert.run('line\nbreak', 'break@example.com', '!')
  insert.run('short', 'e'.repeat(100_000), '!')
  const { code, stdout, stderr } = await run()
  t.equal(code, 0, stderr)
  t.match(stdout, '3 read: 2 created, 0 there already, 1 not imported')
  t.match(
    stdout,
    /^invalid-username {3}1 {2}n{100}… {2}Long@Example\.com: that is no login name here; imported without$/m
  )
  t.match(stdout, /^invalid-email {6}3 {2}short {2}e{100}…: its e-mail is no address$/m)
  for (const email of ['long@example.com', 'break@example.com']) {
    const { stdout: json } = await command(t, ['users', 'show', email, '--json'], folder)
    const { identities, createdAt, lastLoginAt } = JSON.parse(json)
    t.match(identities, [{ backend: 'django', username: email }], 'what the account is called here')
    t.same([lastLoginAt, Date.now() - Date.parse(createdAt) < 600_000], [null, true])
  }
  for (const table of ['auth_group_permissions', 'auth_group', 'auth_permission', 'django_content_type']) {
    database.exec(`drop table ${table}`)
    const without = await run()
    t.match(without, { code: 1, stderr: `there is no table ${table}: expected a database of django.contrib.auth` })
  }
  database.close()
})
