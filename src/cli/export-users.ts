import { once } from 'node:events'
import type { Command } from 'commander'
import { builtInAttributes } from '../auth/attribute-checks.ts'
import { everyPage } from '../auth/every-page.ts'
import type { GrantOnObject } from '../auth/object-grant-store.ts'
import type { User, UserIdentity } from '../auth/user-store.ts'
import { keepMemorySteady } from '../steady-memory.ts'
import type { Store } from '../store/index.ts'
import { asLine, withAdministration } from './administration.ts'
import { fitting, partsOf } from './parts.ts'

interface Options {
  readonly format?: 'csv' | 'jsonl'
  readonly passwordHashes?: boolean
}

type Fields = Record<string, unknown>

/** A user as an import takes them. */
type Row = Fields & { readonly email: string; readonly objectGrants: readonly unknown[] }

/** `latchkey users export`: page by page, no faster than it is read. */
export async function exportUsers({ format = 'jsonl', passwordHashes }: Options, command: Command): Promise<void> {
  keepMemorySteady()
  await withAdministration(command, async ({ attributes }, store) => {
    const own = [...Object.keys(builtInAttributes), ...Object.keys(attributes)]
    const hash = passwordHashes ? ['passwordHash'] : []
    const flags = ['isActive', 'isSuperuser', 'createdAt']
    const lists = ['permissions', 'groups', 'objectGrants', 'identities']
    const columns = ['email', 'emailVouched', 'loginNames', ...own, ...flags, ...hash, ...lists]
    const text = format === 'csv' ? await csvWriter(columns) : jsonLines
    if (format === 'csv') await print(`${columns.join(',')}\n`)
    for await (const page of everyPage((from) => store.users.list({ limit: 500, ...from })))
      for (const row of await rowsOf(page, store, passwordHashes === true)) await print(...text(row))
  })
}

/** A statement a table, whatever the number of users. */
async function rowsOf(users: readonly User[], { userExport }: Store, withHash: boolean): Promise<Row[]> {
  const more = await userExport.of(users.map(({ id }) => id))
  return users.map((user) => {
    const {
      loginNames = [],
      groups = [],
      permissions = [],
      objectGrants = [],
      passwordHash = null
    } = more.get(user.id) ?? {}
    return {
      email: user.email,
      emailVouched: user.emailVouched,
      loginNames,
      ...user.ownAttributes,
      isActive: user.isActive,
      isSuperuser: user.ownSuperuser,
      createdAt: new Date(user.createdAt).toISOString(),
      ...(withHash ? { passwordHash } : {}),
      permissions,
      groups,
      objectGrants: objectGrants.map(grantFields),
      identities: user.identities.map(identityFields)
    }
  })
}

/** A grant as an import takes it. */
export const grantFields = ({ permission, object }: GrantOnObject): Fields => ({
  ...{ permission, objectType: object.type, objectId: object.id }
})

const identityFields = ({ backend, subject, username, attributes, isSuperuser, remembered }: UserIdentity): Fields => ({
  ...{ backend, subject, username },
  ...(Object.keys(attributes).length > 0 && { attributes }),
  ...(isSuperuser && { isSuperuser }),
  ...(remembered !== undefined && { remembered })
})

const jsonLines = (row: Row): readonly string[] =>
  partsOf(row, row.objectGrants, 'email').map((part) => fitting(asLine(part), row.email))

async function csvWriter(columns: readonly string[]): Promise<(row: Row) => readonly string[]> {
  const { stringify } = await import('csv-stringify/sync')
  const cell = (value: unknown): unknown => (typeof value === 'object' && value !== null ? listCell(value) : value)
  return (row) => {
    const line = stringify([columns.map((name) => cell(row[name]))], { cast: { boolean: String } })
    return [fitting(line, row.email, ': export JSON lines')]
  }
}

const listCell = (value: object): string => (Array.isArray(value) && value.length === 0 ? '' : JSON.stringify(value))

/** Writes no faster than it is read. */
export async function print(...lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    if (!process.stdout.write(line)) await once(process.stdout, 'drain')
  }
}
