import { matchesPattern } from '../../auth/pattern.ts'
import { type DnKey, dnKey, isWithin, prepare } from './dn.ts'

/** A group that an account is in, directly or through others. */
export interface Group {
  readonly dn: string
  readonly key: DnKey
  /** Its common name, where it has exactly one that counts. */
  readonly name: string | undefined
  /** The group that brings the account into it; only told where somebody wants to know. */
  readonly through?: string
  /** Its entryUUID or objectGUID, where one of the configured selectors asks for it. */
  readonly id?: string
}

/** Which groups a text of the configuration means. */
export interface GroupSelector {
  matches(group: Group): boolean
  /** The only group that it can be. */
  readonly exact?: DnKey
  /** The only place where such groups can be. */
  readonly place?: DnKey
  readonly byId: boolean
}

const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const namePattern = /^([^=]+?)\s+in\s+(.*=.*)$/is

/**
 * Parses what means a group: its DN; its id (entryUUID or objectGUID); or `editors in ou=groups,dc=example,dc=com`, a common
 * name at or below a base, in which `*` stands for any run of characters. A bare name is none: it would mean a group in
 * every corner of the directory.
 * @throws {Error} whose message says what is wrong
 */
export const parseGroupSelector = (text: string): GroupSelector => {
  if (uuidPattern.test(text)) {
    const id = text.toLowerCase()
    return { matches: (group) => group.id === id, byId: true }
  }
  const [, name, base] = namePattern.exec(text) ?? []
  if (name === undefined || base === undefined) {
    if (/^[^=]*[^=\s][^=]*$/.test(text)) throw new Error(`write its DN, its id or \`${text} in BASE\``)
    const key = dnKey(text)
    if (key === dnKey('')) throw new Error('is empty')
    return { matches: (group) => group.key === key, exact: key, byId: false }
  }
  const pattern = prepare(name)
  const place = dnKey(base)
  const matches = (group: Group) =>
    group.name !== undefined && isWithin(group.key, place) && matchesPattern(pattern, prepare(group.name))
  return { matches, place, byId: false }
}
