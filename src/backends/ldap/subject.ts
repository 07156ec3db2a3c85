import { EqualityFilter, type Filter } from 'ldapts'
import { LdapFailure } from './connections/failure.ts'
import type { RootDse } from './connections/root-dse.ts'
import { type Entry, textsOf, valuesOf } from './entry.ts'
import { habitsOf } from './preset.ts'

/** How an entry's immutable id is read, and how an entry is found by it. */
export interface SubjectRule {
  readonly attribute: string
  /** @throws {LdapFailure} where the entry has not exactly one such value */
  read(entry: Entry): string
  /** `undefined`: no entry can have this subject. */
  filter(subject: string): Filter | undefined
}

const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const maxSubjectBytes = 255

/** objectGUID as text: the first three groups are little-endian (MS-DTYP 2.3.4). The function is its own inverse. */
const swapGuid = (bytes: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(bytes.subarray(0, 4)).reverse(),
    Buffer.from(bytes.subarray(4, 6)).reverse(),
    Buffer.from(bytes.subarray(6, 8)).reverse(),
    bytes.subarray(8)
  ])

const single = <T>(values: readonly T[], attribute: string): T => {
  const [value] = values
  if (value !== undefined && values.length === 1) return value
  throw new LdapFailure(
    'protocol',
    `the entry has ${values.length} values of ${attribute}: may the service account read it? else set \`subject\``
  )
}

const objectGuid: SubjectRule = {
  attribute: 'objectGUID',
  read(entry) {
    const guid = single(valuesOf(entry, 'objectGUID'), 'objectGUID')
    if (guid.length !== 16) throw new LdapFailure('protocol', 'objectGUID is not 16 bytes long')
    return swapGuid(guid)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  },
  filter: (subject) =>
    uuidPattern.test(subject)
      ? new EqualityFilter({
          attribute: 'objectGUID',
          value: swapGuid(Buffer.from(subject.replaceAll('-', ''), 'hex'))
        })
      : undefined
}

const entryUuid: SubjectRule = {
  attribute: 'entryUUID',
  read: (entry) => single(textsOf(entry, 'entryUUID'), 'entryUUID').toLowerCase(),
  filter: (subject) =>
    uuidPattern.test(subject) ? new EqualityFilter({ attribute: 'entryUUID', value: subject }) : undefined
}

const textAttribute = (attribute: string): SubjectRule => ({
  attribute,
  read(entry) {
    const subject = single(textsOf(entry, attribute), attribute)
    if (Buffer.byteLength(subject) > maxSubjectBytes) throw new LdapFailure('protocol', `${attribute} is too long`)
    return subject
  },
  filter: (subject) => new EqualityFilter({ attribute, value: subject })
})

/** The rule for a configured attribute; without one the root DSE says which directory it is, and so which attribute. */
export const subjectRule = (
  configured: string | undefined,
  { isActiveDirectory, preset = isActiveDirectory ? 'active-directory' : 'openldap' }: Omit<RootDse, 'canPage'>
): SubjectRule => {
  const attribute = configured ?? habitsOf[preset].subject
  const builtIn = [objectGuid, entryUuid].find((rule) => rule.attribute.toLowerCase() === attribute.toLowerCase())
  return builtIn ?? textAttribute(attribute)
}

/** The attributes to ask for before the root DSE is known. */
export const subjectAttributes = (configured: string | undefined): readonly string[] =>
  configured === undefined ? [...new Set(Object.values(habitsOf).map(({ subject }) => subject))] : [configured]
