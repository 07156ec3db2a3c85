import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { folderOf, type Scope, withScope } from '../processes.ts'
import { atMost, type Row } from '../row.ts'

const main = new URL('../../src/main.ts', import.meta.url).pathname

/** Moving in from Django: 100,000 users with a name, a group and a permission each, and the memory that it takes. */
export const importDjango = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const few = await importOf(scope, 10_000)
    const many = await importOf(scope, 100_000)
    return [
      atMost(1, { name: 'import of 100,000 Django users', unit: 's', limit: 60, ours: many.seconds }),
      atMost(1.5, {
        ...{ name: 'its peak memory', unit: 'MiB', limit: few.peakMiB, ours: many.peakMiB },
        note: 'limit: with 10,000 users'
      })
    ]
  })

async function importOf(scope: Scope, users: number): Promise<{ seconds: number; peakMiB: number }> {
  const folder = await folderOf(scope)
  makeProject(join(folder, 'db.sqlite3'), users)
  const began = performance.now()
  const child = spawn(process.execPath, [main, 'import', 'django', 'file:db.sqlite3', '--json'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  let peakMiB = 0
  const look = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
  }, 100)
  await once(child, 'close')
  clearInterval(look)
  const { created } = JSON.parse(said.trim().split('\n').at(-1) ?? '{}')
  if (created !== users) throw new Error(`${created} of ${users} were imported`)
  return { seconds: (performance.now() - began) / 1000, peakMiB }
}

/** The tables as Django's migrations make them. */
function makeProject(file: string, users: number): void {
  const database = new DatabaseSync(file)
  database.exec(`
    create table django_content_type (id integer primary key, app_label varchar(100), model varchar(100));
    create table auth_permission (id integer primary key, content_type_id integer, codename varchar(100), name varchar(255));
    create table auth_group (id integer primary key, name varchar(150));
    create table auth_group_permissions (id integer primary key, group_id integer, permission_id integer);
    create table auth_user (id integer primary key autoincrement, password varchar(128) not null, last_login datetime,
      is_superuser bool not null, username varchar(150) not null unique, last_name varchar(150) not null,
      email varchar(254) not null, is_staff bool not null, is_active bool not null, date_joined datetime not null,
      first_name varchar(150) not null);
    create table auth_user_groups (id integer primary key, user_id integer, group_id integer);
    create index auth_user_groups_user on auth_user_groups (user_id);
    create table auth_user_user_permissions (id integer primary key, user_id integer, permission_id integer);
    create index auth_user_user_permissions_user on auth_user_user_permissions (user_id);
    insert into django_content_type values (1, 'blog', 'post');
    with recursive n(n) as (select 1 union all select n + 1 from n where n < 100)
      insert into auth_permission select n, 1, 'do_' || n, 'Can do ' || n from n;
    with recursive n(n) as (select 1 union all select n + 1 from n where n < 50) insert into auth_group select n, 'group ' || n from n;
    insert into auth_group_permissions (group_id, permission_id) select g.id, p.id from auth_group g, auth_permission p where p.id % 10 = g.id % 10;
    with recursive n(n) as (select 1 union all select n + 1 from n where n < ${users})
      insert into auth_user select n, 'pbkdf2_sha256$600000$' || hex(randomblob(8)) || '$' || '${'A'.repeat(43)}=',
        '2024-05-06 07:08:09.123456', 0, 'user' || n, 'Example', 'User' || n || '@Example.com', 0, 1, '2019-03-04 05:06:07', 'User' from n;
    insert into auth_user_groups (user_id, group_id) select id, 1 + id % 50 from auth_user;
    insert into auth_user_user_permissions (user_id, permission_id) select id, 1 + id % 100 from auth_user;`)
  database.close()
}
