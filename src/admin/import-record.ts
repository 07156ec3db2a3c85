import type { ImportedUser } from '../auth/administration-store.ts'
import { builtInAttributes } from '../auth/attribute-checks.ts'
import { mergeAttributes } from '../auth/attributes.ts'
import { Refusal } from '../errors.ts'
import { emailOfText, newAttributes } from './fields.ts'
import type { IdentityKey } from './identities.ts'
import { loginNames } from './login-names.ts'
import { groupNames, permissionNames } from './names.ts'
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
  'loginNames',
  'isActive',
  'isSuperuser',
  'passwordHash',
  'permissions',
  'groups',
  'identities',
  'attributes'
] as const
/** What an export has and an import makes anew. */
const ignored = ['id', 'hasPassword', 'createdAt', 'updatedAt', 'lastLoginAt']

class Mistake extends Error {}

/** The user of a record, or why it is refused. */
export function importedUser(record: ImportRecord, tools: AdminTools, rules: Rules): ImportedUser | string {
  if (record.mistake !== undefined) return record.mistake
  try {
    return userOf(withoutEmpty(record.fields), tools, rules)
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
  const identities = identitiesIn(fields.identities, tools).map(({ backend, subject, username = subject }) => ({
    ...{ backend, subject, username, attributes: {}, isSuperuser: false, lastSeenAt: at }
  }))
  return {
    email: emailOfText(text('email', fields.email)),
    emailVouched: true,
    attributes: mergeAttributes(tools.chain, identities, ownAttributes),
    ownAttributes,
    isActive: flag('isActive', fields.isActive, true),
    isSuperuser: flag('isSuperuser', fields.isSuperuser, false),
    passwordHash: hashIn(fields.passwordHash, rules),
    permissions: permissionNames(list('permissions', fields.permissions)),
    loginNames: loginNames(list('loginNames', fields.loginNames)),
    groups: groupNames(list('groups', fields.groups)),
    identities
  }
}

const withoutEmpty = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '' && value !== null))

function attributesIn(fields: Readonly<Record<string, unknown>>, { attributes }: AdminTools) {
  const { attributes: nested = {}, ...flat } = fields
  if (typeof nested !== 'object' || nested === null || Array.isArray(nested))
    throw new Mistake('attributes: expected fields by name')
  const names = new Set([...Object.keys(builtInAttributes), ...Object.keys(attributes)])
  const others: readonly string[] = [...known, ...ignored]
  const unknown = Object.keys(flat).find((name) => !names.has(name) && !others.includes(name))
  if (unknown !== undefined) throw new Mistake(`${unknown}: there is no such field`)
  const own = Object.entries(flat).filter(([name]) => names.has(name))
  return Object.fromEntries([...own, ...Object.entries(nested)].map(([name, value]) => [name, plain(name, value)]))
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

function identitiesIn(value: unknown, { chain }: AdminTools): Array<IdentityKey & { readonly username?: string }> {
  const items = typeof value === 'string' ? parsed('identities', value) : (value ?? [])
  if (!Array.isArray(items)) throw new Mistake('identities: expected a list')
  return items.map((item: unknown) => {
    const { backend, subject, username } = Object(item)
    const isWhole = typeof subject === 'string' && subject !== '' && Buffer.byteLength(subject) <= 255
    if (!isWhole || !chain.some(({ id }) => id === backend))
      throw new Mistake('identities: expected the id of a backend and a subject')
    return { backend, subject, ...(typeof username === 'string' ? { username } : {}) }
  })
}

function parsed(name: string, value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    throw new Mistake(`${name}: not JSON`)
  }
}
