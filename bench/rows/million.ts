import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { folderOf, form, load, loginBody, type Scope, type Served, startLatchkey, withScope } from '../processes.ts'
import { atMostTimes, inTurn, type Row } from '../row.ts'
import { seedUsers } from '../seed.ts'

const yaml =
  'publicClient: true\nlimits: { ip: false, account: false }\nbackends: [{ id: s, type: static, users: [USERS] }]\n'
const password = 'correct horse battery'

/** Login time with a million rows in users and their identities, against a thousand. */
export const million = (): Promise<Row[]> =>
  withScope(async (scope) => {
    const [small, large] = [await startWith(scope, 1000), await startWith(scope, 1_000_000)]
    const time = async (server: Served): Promise<number> => {
      const body = loginBody('user1', password)
      const { perSecond, failed } = await load({
        url: `${server.url}/token`,
        method: 'POST',
        headers: form,
        bodies: [body],
        connections: 1,
        seconds: 4
      })
      if (failed > 0) throw new Error(`${failed} logins failed`)
      return 1000 / perSecond
    }
    const pairs = await inTurn(
      () => time(small),
      () => time(large)
    )
    return [
      atMostTimes(1.2, { name: 'login with 1,000,000 users', unit: 'ms', pairs, note: 'limit: with 1,000 users' })
    ]
  })

async function startWith(scope: Scope, users: number): Promise<Served> {
  const folder = await folderOf(scope)
  await seedUsers(folder, { users: 1, password })
  const database = new DatabaseSync(join(folder, 'data/latchkey.db'))
  const ids = `printf('01900000-0000-7000-8000-%012x', n)`
  const numbers = `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${users})`
  const [columns, values] = copyOf(database, 'latchkey_users', { id: ids, email: `'many' || n || '@example.com'` })
  database.exec(
    `insert into latchkey_users (${columns}) ${numbers} select ${values} from numbers, latchkey_users where email = 'user0@example.com'`
  )
  database.exec(
    `insert into latchkey_identities (backend, subject, user_id, username, attributes, is_superuser, last_seen_at) ${numbers} select 'other', n, ${ids}, 'many' || n, '{}', 0, 1 from numbers`
  )
  database.close()
  const user = `{ username: user1, email: user1@example.com, password: "${password}" }`
  return startLatchkey(scope, yaml.replace('USERS', user), { folder })
}

/** The columns of a table, and where a row's copy takes each from. */
function copyOf(database: DatabaseSync, table: string, made: Record<string, string>): [string, string] {
  const names = database
    .prepare(`select name from pragma_table_info('${table}')`)
    .all()
    .map(({ name }) => String(name))
  return [names.join(', '), names.map((name) => made[name] ?? name).join(', ')]
}
