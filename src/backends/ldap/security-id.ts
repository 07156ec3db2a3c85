import { type Entry, firstTextOf, valuesOf } from './entry.ts'

/** What an account's primary group is told from. */
export const primaryGroupAttributes: readonly string[] = ['objectSid', 'primaryGroupID']

/**
 * The objectSid of an account's primary group in Active Directory: the account's own with the last part replaced
 * (MS-DTYP 2.4.2.2: little-endian). Neither `member` nor `memberOf` names that group.
 */
export const primaryGroupSid = (entry: Entry): Buffer | undefined => {
  const [sid] = valuesOf(entry, 'objectSid')
  const number = Number(firstTextOf(entry, ['primaryGroupID']))
  if (sid === undefined || sid.length < 12 || !Number.isInteger(number) || number < 1 || number > 0xffffffff) {
    return undefined
  }
  const group = Buffer.from(sid)
  group.writeUInt32LE(number, group.length - 4)
  return group
}
