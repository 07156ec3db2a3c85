import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import type { ImportProblem } from '../admin/foreign-source.ts'
import { type AccountsReport, importAccounts } from '../admin/import-accounts.ts'
import { builtInAttributes } from '../auth/attribute-checks.ts'
import { isPermissionName } from '../auth/names.ts'
import { type Place, SqlFailure } from '../backends/sql/database.ts'
import { placeOf } from '../backends/sql/open-database.ts'
import type { Config } from '../config/config.ts'
import { type ColumnRole, type DjangoNames, NoDjango, usualColumns } from '../django/layout.ts'
import { openDjango } from '../django/open.ts'
import { readHash } from '../passwords/formats/index.ts'
import { keepMemorySteady } from '../steady-memory.ts'
import { asLine, withAdministration, write } from './administration.ts'
import { createProgress } from './progress.ts'
import { Refused } from './refused.ts'
import { printable } from './steps.ts'

/** What `latchkey import django` may be told, beside the columns' names. */
export interface DjangoOptions extends Partial<Record<`${ColumnRole}Column`, string>> {
  readonly userTable: string
  readonly groupsTable?: string
  readonly permissionsTable?: string
  /** `field=column`. */
  readonly attribute: readonly string[]
  readonly staffPermission?: string
  readonly emailsVerified?: boolean
  readonly id: string
  readonly passwordStdin?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `latchkey import django`. What did not come along is told on standard output; it is no failure. */
export async function importDjango(source: string, options: DjangoOptions, command: Command): Promise<void> {
  keepMemorySteady()
  const place = await placeFor(source, options)
  const progress = createProgress(process.stderr)
  let told = 0
  const tell = (problem: ImportProblem): void => {
    told++
    progress.end()
    write(options.json ? asLine(problem) : lineOf(problem))
  }
  const report = await withAdministration(command, async (tools, _store, config) => {
    checkSettings(options, config)
    const { staffPermission } = options
    const names = namesOf(options, config)
    const django = await openDjango(place, names)
    try {
      const expected = await django.count()
      return await importAccounts(django, tools, {
        ...{ origin: options.id, emailsVerified: options.emailsVerified === true, dryRun: options.dryRun === true },
        ...(staffPermission === undefined ? {} : { staffPermission }),
        judgeHash,
        onProblem: tell,
        onProgress: (read) => progress.show(read, expected)
      })
    } finally {
      await django.close()
    }
  })
    .catch(inWords)
    .finally(progress.end)
  write(options.json ? asLine({ ...report, reported: told }) : summaryOf(report, told, options))
}

async function placeFor(source: string, { passwordStdin }: DjangoOptions): Promise<Place> {
  const password = passwordStdin ? (await text(process.stdin)).replace(/\r?\n$/, '') : undefined
  const place = placeOf(source, password)
  if (place === undefined)
    throw new Refused('expected mysql://user@host/name, postgresql://user@host/name or file:PATH')
  return place.flavour === 'sqlite' ? { ...place, file: resolve(place.file) } : place
}

function checkSettings({ id, staffPermission }: DjangoOptions, { backends }: Config): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id))
    throw new Refused('--id: expected letters, digits, dots and dashes')
  const configured = backends.find(({ policy }) => policy.id === id)
  if (configured) throw new Refused(`a backend is called ${id}: name the accounts otherwise with --id`)
  if (staffPermission !== undefined && !isPermissionName(staffPermission))
    throw new Refused('--staff-permission: expected app_label.codename, as in blog.change_post')
}

function namesOf(options: DjangoOptions, { users }: Config): DjangoNames {
  const roles = Object.keys(usualColumns) as ColumnRole[]
  const columns = roles.flatMap((role) => {
    const column = options[`${role}Column`]
    return column === undefined ? [] : [[role, column] as const]
  })
  const fields = options.attribute.map((pair) => {
    const [, field = '', column = ''] = /^([^=]+)=(.+)$/s.exec(pair) ?? []
    if (!Object.hasOwn(builtInAttributes, field) && !Object.hasOwn(users.attributes, field))
      throw new Refused(
        `--attribute ${JSON.stringify(pair)}: expected field=column, a field that is built in or declared`
      )
    return [field, column] as const
  })
  const { userTable, groupsTable, permissionsTable } = options
  return {
    userTable,
    ...(groupsTable === undefined ? {} : { groupsTable }),
    ...(permissionsTable === undefined ? {} : { permissionsTable }),
    columns: Object.fromEntries(columns),
    fields: Object.fromEntries(fields)
  }
}

/** Longer ones have no place in the table. */
function judgeHash(hash: string): 'usable' | 'none' | 'unusable' {
  const reading = readHash(hash)
  if ('verify' in reading) return Buffer.byteLength(hash) <= 512 ? 'usable' : 'unusable'
  return reading.unusable === 'none' ? 'none' : 'unusable'
}

function inWords(error: unknown): never {
  if (error instanceof NoDjango) throw new Refused(error.message)
  if (error instanceof SqlFailure)
    throw new Refused(`the project's database does not answer: ${printable(error.message)}`)
  throw error
}

function lineOf({ problem, of, username, email, detail, imported }: ImportProblem): string {
  const who = [of, username ?? '', email ?? ''].filter((part) => part !== '').map(short)
  return `${problem.padEnd(18)} ${who.join('  ')}: ${printable(detail)}${imported ? '; imported without' : ''}\n`
}

/** A column of a foreign table may hold megabytes. */
const short = (text: string): string => printable(text.length > 100 ? `${text.slice(0, 100)}…` : text)

function summaryOf(report: AccountsReport, told: number, { dryRun }: DjangoOptions): string {
  const { read, created, present, refused, groups, permissions } = report
  const done = dryRun ? 'would be created' : 'created'
  const lines = [
    `${read} read: ${created} ${done}, ${present} there already, ${refused} not imported`,
    `${groups} groups ${done}, ${permissions} permissions known`,
    told === 0 ? 'nothing to be looked at' : `${told} ${told === 1 ? 'line' : 'lines'} above to be looked at`
  ]
  return lines.map((line) => `${line}\n`).join('')
}
