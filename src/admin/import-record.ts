import type { ImportedUser } from '../auth/administration-store.ts'
import { builtInAttributes } from '../auth/attribute-checks.ts'
import { mergeAttributes } from '../auth/attributes.ts'
import { momentOf } from '../auth/moment.ts'
import { maxRememberedBytes } from '../auth/names.ts'
import type { UserIdentity } from '../auth/user-store.ts'
import { Refusal } from '../errors.ts'
import { checkedValue, emailOfText, newAttributes } from './fields.ts'
import { loginNames } from './login-names.ts'
import { groupNames, isPlainText, permissionNames } from './names.ts'
import { grantsOnObjects } from './object-grants.ts'
import type { AdminTools } from './tools.ts'

/** One record of a file as it was read: values by the names of `exportColumns`, or why it could not be read. */
export interface ImportRecord {
  /** Of the file, from 1. */
  readonly line: number
  readonly fields: Readonly<Record<string, unknown>>
  readonly mistake?: string
}

interface Rules {
  isUsableHash(hash: string): boolean
}

/** What a record may hold beside fields of the user. */
const known = [
  'email',
  'emailVouched',
  'loginNames',
  'isActive',
  'isSuperuser',
  'passwordHash',
  'password',
  'permissions',
  'groups',
  'identities',
  'objectGrants',
  'createdAt',
  'attributes'
] as const
/** What an export has and an import makes anew. */
const ignored = ['id', 'hasPassword', 'updatedAt', 'lastLoginAt']

const others: ReadonlySet<string> = new Set([...known, ...ignored])

class Mistake extends Error {}

/** The user of a record, with a password that is to be hashed, or why it is refused. */
export function importedUser(
  record: ImportRecord,
  tools: AdminTools,
  rules: Rules
): { readonly user: ImportedUser; readonly password?: string } | string {
  if (record.mistake !== undefined) return record.mistake
  try {
    const fields = withoutEmpty(record.fields)
    const user = userOf(fields, tools, rules)
    if (fields.password === undefined) return { user }
    if (user.passwordHash !== null) throw new Mistake('password: it stands beside passwordHash')
    return { user, password: text('password', fields.password) }
  } catch (error) {
    if (error instanceof Refusal) return error.description
    if (error instanceof Mistake) return error.message
    throw error
  }
}

function userOf(fields: Readonly<Record<string, unknown>>, tools: AdminTools, rules: Rules): ImportedUser {
  if (fields.email === undefined) throw new Mistake('email: it is missing')
  const ownAttributes = newAttributes(attributesIn(fields, tools), tools)
  const at = tools.now()
  const identities = identitiesIn(fields.identities, tools).map((identity) => ({ ...identity, lastSeenAt: at }))
  return {
    email: emailOfText(text('email', fields.email)),
    emailVouched: flag('emailVouched', fields.emailVouched, true),
    attributes: mergeAttributes(tools.chain, identities, ownAttributes),
    ownAttributes,
    isActive: flag('isActive', fields.isActive, true),
    isSuperuser: flag('isSuperuser', fields.isSuperuser, false),
    passwordHash: hashIn(fields.passwordHash, rules),
    createdAt: timeIn('createdAt', fields.createdAt, at),
    permissions: permissionNames(list('permissions', fields.permissions)),
    loginNames: loginNames(list('loginNames', fields.loginNames)),
    groups: groupNames(list('groups', fields.groups)),
    identities,
    objectGrants: grantsOnObjects(listOfObjects('objectGrants', fields.objectGrants))
  }
}

function withoutEmpty(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...fields }
  for (const name of Object.keys(filled)) if (filled[name] === '' || filled[name] === null) delete filled[name]
  return filled
}

function attributesIn(fields: Readonly<Record<string, unknown>>, { attributes }: AdminTools) {
  const { attributes: nested = {}, ...flat } = fields
  if (typeof nested !== 'object' || nested === null || Array.isArray(nested))
    throw new Mistake('attributes: expected fields by name')
  const found = new Map<string, string | number | boolean>()
  for (const [name, value] of Object.entries(flat)) {
    if (Object.hasOwn(builtInAttributes, name) || Object.hasOwn(attributes, name)) found.set(name, plain(name, value))
    else if (!others.has(name)) throw new Mistake(`${name}: there is no such field`)
  }
  for (const [name, value] of Object.entries(nested)) {
    if (found.has(name)) throw new Mistake(`${name}: it is there twice`)
    found.set(name, plain(name, value))
  }
  return Object.fromEntries(found)
}

function plain(name: string, value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw new Mistake(`${name}: expected text, a number or true or false`)
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new Mistake(`${name}: expected text`)
}

function flag(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw new Mistake(`${name}: expected true or false`)
}

/** @param now nobody was created after it */
function timeIn(name: string, value: unknown, now: number): number {
  if (value === undefined) return now
  const at = momentOf(text(name, value))
  if (at !== undefined && at >= 0) return Math.min(at, now)
  throw new Mistake(`${name}: expected a time such as 2026-11-22T08:00:00Z`)
}

function hashIn(value: unknown, { isUsableHash }: Rules): string | null {
  if (value === undefined) return null
  const hash = text('passwordHash', value)
  if (isUsableHash(hash)) return hash
  throw new Mistake('passwordHash: no hash of a kind that can be verified')
}

/** A list; in CSV as JSON, or separated by semicolons. */
function list(name: string, value: unknown): string[] {
  const items = typeof value === 'string' ? listOfText(name, value) : (value ?? [])
  if (Array.isArray(items) && items.every((item) => typeof item === 'string')) return items
  throw new Mistake(`${name}: expected a list of names`)
}

const listOfText = (name: string, value: string): unknown =>
  value.startsWith('[') ? parsed(name, value) : value.split(';').map((item) => item.trim())

function identitiesIn(value: unknown, tools: AdminTools): Array<Omit<UserIdentity, 'lastSeenAt'>> {
  const found = listOfObjects('identities', value).map((item) => identityIn(Object(item), tools))
  const keys = new Set(found.map(({ backend, subject }) => JSON.stringify([backend, subject])))
  if (keys.size < found.length) throw new Mistake('identities: one is there twice')
  return found
}

/** In CSV as JSON. */
function listOfObjects(name: string, value: unknown): readonly unknown[] {
  const items = typeof value === 'string' ? parsed(name, value) : (value ?? [])
  if (Array.isArray(items)) return items
  throw new Mistake(`${name}: expected a list`)
}

function identityIn(item: Readonly<Record<string, unknown>>, { chain, attributes }: AdminTools) {
  const { backend, subject, username = subject, attributes: given = {}, isSuperuser, remembered, ...more } = item
  // as in the fields of the user, what an export or a page has and an import makes anew is passed over
  const unknown = Object.keys(more).find((name) => name !== 'lastSeenAt')
  if (unknown !== undefined) throw new Mistake(`identities: ${unknown}: there is no such field`)
  const isWhole = isPlainText(subject, 255) && chain.some(({ id }) => id === backend)
  if (!isWhole || typeof backend !== 'string')
    throw new Mistake('identities: expected the id of a backend and a subject')
  if (!isPlainText(username, 1024)) throw new Mistake('identities: username: expected text of 1024 bytes at most')
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Mistake('identities: attributes: expected fields by name')
  const values = Object.entries(given).map(([name, one]) => [name, checkedValue(name, plain(name, one), attributes)])
  return {
    ...{ backend, subject, username, attributes: Object.fromEntries(values) },
    isSuperuser: flag('identities: isSuperuser', isSuperuser, false),
    ...(remembered !== undefined && { remembered: rememberedIn(remembered) })
  }
}

function rememberedIn(value: unknown): string {
  const remembered = text('identities: remembered', value)
  if (Buffer.byteLength(remembered) <= maxRememberedBytes) return remembered
  throw new Mistake('identities: remembered: expected text of 32 KiB at most')
}

function parsed(name: string, value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    throw new Mistake(`${name}: not JSON`)
  }
}
