import { once } from 'node:events'
import type { Command } from 'commander'
import { builtInAttributes } from '../auth/attribute-checks.ts'
import type { User } from '../auth/user-store.ts'
import type { Store } from '../store/index.ts'
import { withAdministration } from './administration.ts'

interface Options {
  readonly format?: 'csv' | 'jsonl'
  readonly passwordHashes?: boolean
}

type Fields = Record<string, unknown>

/** `latchkey users export`: page by page, no faster than it is read. */
export async function exportUsers({ format = 'jsonl', passwordHashes }: Options, command: Command): Promise<void> {
  await withAdministration(command, async ({ attributes }, store) => {
    const own = [...Object.keys(builtInAttributes), ...Object.keys(attributes)]
    const hash = passwordHashes ? ['passwordHash'] : []
    const columns = [
      'email',
      'loginNames',
      ...own,
      'isActive',
      'isSuperuser',
      ...hash,
      'permissions',
      'groups',
      'identities'
    ]
    const text = format === 'csv' ? await csvWriter(columns) : jsonLines
    if (format === 'csv') await print(text([Object.fromEntries(columns.map((name) => [name, name]))]))
    let cursor: string | null = null
    do {
      const page = await store.users.list({ limit: 500, ...(cursor === null ? {} : { cursor }) })
      const found: Fields[] = []
      for (const user of page.items) found.push(await fieldsOf(user, store, passwordHashes === true))
      await print(text(found))
      cursor = page.next
    } while (cursor !== null)
  })
}

async function fieldsOf(user: User, store: Store, withHash: boolean): Promise<Fields> {
  const held = (await store.holdings.of([user.id])).get(user.id)
  const groups = (await store.groups.ofUser(user.id)).filter(({ origin }) => origin === 'local')
  const account = withHash ? await store.accounts.byId(user.id) : undefined
  return {
    email: user.email,
    loginNames: held?.loginNames ?? [],
    ...user.ownAttributes,
    isActive: user.isActive,
    isSuperuser: user.ownSuperuser,
    ...(withHash ? { passwordHash: account?.passwordHash ?? null } : {}),
    permissions: held?.permissions ?? [],
    groups: groups.map(({ name }) => name),
    identities: user.identities.map(({ backend, subject, username }) => ({ backend, subject, username }))
  }
}

const jsonLines = (rows: readonly Fields[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

async function csvWriter(columns: string[]): Promise<(rows: readonly Fields[]) => string> {
  const { stringify } = await import('csv-stringify/sync')
  const cell = (value: unknown): unknown => (typeof value === 'object' && value !== null ? listCell(value) : value)
  const plain = (row: Fields): Fields => Object.fromEntries(columns.map((name) => [name, cell(row[name])]))
  return (rows) => stringify(rows.map(plain), { columns, cast: { boolean: String } })
}

const listCell = (value: object): string => (Array.isArray(value) && value.length === 0 ? '' : JSON.stringify(value))

async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
