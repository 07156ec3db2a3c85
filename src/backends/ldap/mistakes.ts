import type { OptionMistake } from '../../auth/define-backend.ts'
import { parseServerUrl } from './connections/server-url.ts'
import { parseSrvUrl } from './connections/srv.ts'
import { makesDns, searchOfTemplate } from './direct-bind.ts'
import { dnKey, isWithin } from './dn.ts'
import { ExpressionMistake, parseExpression } from './expression.ts'
import { foreignPlaceholder, parseFilter, parseFilterTemplate } from './filter.ts'
import { parseGroupSelector } from './group-selector.ts'
import type { LdapOptions } from './options.ts'

/** One path of a JSON pointer (RFC 6901), where a key may hold anything. */
const pointer = (...parts: (string | number)[]): string =>
  parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** What is wrong with a value that only parsing shows. */
const parseMistake = (path: string, what: string, parse: () => unknown): OptionMistake[] => {
  try {
    parse()
    return []
  } catch (error) {
    return [{ path, message: `${what}: ${error instanceof Error ? error.message : error}` }]
  }
}

/** Without the `+srv` of a domain whose servers DNS knows. */
const schemeOf = (url: string): string => url.slice(0, Math.max(0, url.indexOf('://'))).replace(/\+srv$/, '')

const serverMistakes = ({ servers, startTls, insecure }: LdapOptions): OptionMistake[] => {
  if (servers.length === 0) return [{ path: '/servers', message: 'name at least one server' }]
  return servers.flatMap((url, at) => {
    const path = pointer('servers', at)
    const unreadable = parseMistake(
      path,
      'not the URL of an LDAP server',
      () => parseSrvUrl(url) ?? parseServerUrl(url)
    )
    if (unreadable.length > 0) return unreadable
    const scheme = schemeOf(url)
    if (startTls && scheme !== 'ldap') {
      return [
        { path, message: `startTls is for ldap:// servers only: drop it, or write ldap:// instead of ${scheme}://` }
      ]
    }
    if (scheme === 'ldap' && !startTls && !insecure) {
      return [
        {
          path,
          message:
            'passwords would be sent in clear: use ldaps://, or set startTls: true, or allow it by insecure: true'
        }
      ]
    }
    return []
  })
}

const tlsMistakes = ({ servers, startTls, insecure, tls }: LdapOptions): OptionMistake[] => {
  const mistakes: OptionMistake[] = []
  const usesTls = startTls || servers.some((url) => !/^ldapi?:|^ldap\+srv:/.test(url))
  if (insecure && startTls) mistakes.push({ path: '/insecure', message: 'contradicts startTls: drop one of them' })
  if (tls && !usesTls) mistakes.push({ path: '/tls', message: 'no server uses TLS: use ldaps:// or startTls: true' })
  if (tls?.key !== undefined && tls.cert === undefined)
    mistakes.push({ path: '/tls/key', message: 'needs tls.cert beside it' })
  if (tls?.cert !== undefined && tls.key === undefined)
    mistakes.push({ path: '/tls/cert', message: 'needs tls.key beside it' })
  return mistakes
}

const poolMistakes = ({ pool = {} }: LdapOptions): OptionMistake[] => {
  const { min = 0, max = 16 } = pool
  return min > max ? [{ path: '/pool/min', message: `is more than pool.max, ${max}` }] : []
}

const userMistakes = ({ users = [], preset, dnTemplate }: LdapOptions): OptionMistake[] => [
  ...(users.length === 0 && dnTemplate === undefined
    ? [{ path: '/users', message: 'say where accounts are found: users, or dnTemplate' }]
    : []),
  ...users.flatMap(({ base, filter }, at) => [
    ...parseMistake(pointer('users', at, 'base'), 'not a DN', () => dnKey(base)),
    ...(filter === undefined && preset === undefined
      ? [{ path: pointer('users', at, 'filter'), message: 'is missing, and preset too, which would have one' }]
      : []),
    ...(filter === undefined
      ? []
      : parseMistake(pointer('users', at, 'filter'), 'not a usable filter', () => parseFilterTemplate(filter)))
  ]),
  ...templateMistakes(dnTemplate, users.length > 0)
]

const templateMistakes = (template: string | undefined, hasSearches: boolean): OptionMistake[] => {
  const path = '/dnTemplate'
  if (template === undefined) return []
  if (!template.includes('{username}'))
    return [{ path, message: foreignPlaceholder(template) ?? 'has no {username} in it' }]
  if (hasSearches) return []
  if (!makesDns(template)) return [{ path, message: 'is no DN: then users must say how the entry is found' }]
  return searchOfTemplate(template)
    ? []
    : [{ path, message: 'does not begin with name={username}: then users must say how the entry is found' }]
}

const bindMistakes = ({ bind }: LdapOptions): OptionMistake[] => {
  if (bind === undefined) return []
  const mistakes = parseMistake('/bind/dn', 'not a DN such as cn=latchkey,dc=example,dc=com', () => dnKey(bind.dn))
  if (bind.dn.trim() === '')
    mistakes.push({ path: '/bind/dn', message: 'is empty: for an anonymous search leave bind out' })
  if (bind.password === '' || bind.password.includes('\0')) {
    mistakes.push({
      path: '/bind/password',
      message: 'is empty or has a NUL in it: for an anonymous search leave bind out'
    })
  }
  return mistakes
}

const groupMistakes = ({ groups }: LdapOptions): OptionMistake[] => {
  if (groups === undefined) return []
  const mistakes = parseMistake('/groups/base', 'not a DN', () => dnKey(groups.base))
  const { filter } = groups
  if (filter !== undefined) {
    mistakes.push(...parseMistake('/groups/filter', 'not a usable filter', () => parseFilter(filter)))
    if (filter.includes('{'))
      mistakes.push({ path: '/groups/filter', message: 'takes no placeholders: members are found by groups.type' })
  }
  if (groups.nested && groups.type === 'posixGroup') {
    mistakes.push({ path: '/groups/nested', message: 'a posixGroup holds no groups: drop it' })
  }
  return mistakes
}

const permissionMistakes = ({ groups, permissions = {} }: LdapOptions): OptionMistake[] => {
  const texts = Object.keys(permissions)
  if (texts.length > 0 && groups === undefined) {
    return [{ path: '/permissions', message: 'needs groups: where and how are the groups found?' }]
  }
  const seen = new Map<string, string>()
  return texts.flatMap((text) => {
    const path = pointer('permissions', text)
    const unreadable = parseMistake(path, 'means no group', () => parseGroupSelector(text))
    if (unreadable.length > 0) return unreadable
    if (parseGroupSelector(text).exact === undefined) return outsideMistakes(path, text, groups)
    const key = dnKey(text)
    const other = seen.get(key)
    seen.set(key, text)
    if (other !== undefined) return [{ path, message: `is the same group as ${other}: write them together` }]
    return outsideMistakes(path, text, groups)
  })
}

/** A group that is nowhere below `groups.base` would be missing for ever, without a word. */
const outsideMistakes = (path: string, text: string, groups: LdapOptions['groups']): OptionMistake[] => {
  const { exact, place } = parseGroupSelector(text)
  if (groups === undefined) return []
  try {
    const base = dnKey(groups.base)
    const isOutside = exact !== undefined && !isWithin(exact, base)
    const isElsewhere = place !== undefined && !isWithin(place, base) && !isWithin(base, place)
    return isOutside || isElsewhere ? [{ path, message: 'is not below groups.base: it would never be found' }] : []
  } catch {
    return []
  }
}

const conditionMistakes = (options: LdapOptions): OptionMistake[] => {
  const { require, deny, flags, groups } = options
  const conditions = [
    { at: ['require'], expression: require },
    { at: ['deny'], expression: deny },
    { at: ['flags', 'isSuperuser'], expression: flags?.isSuperuser }
  ]
  return conditions.flatMap(({ at, expression }) => {
    if (expression === undefined) return []
    try {
      const { texts } = parseExpression(expression)
      if (texts.length > 0 && groups === undefined)
        return [{ path: pointer(...at), message: 'needs groups: where and how are the groups found?' }]
      return texts.flatMap(({ text, path }) => outsideMistakes(pointer(...at, ...path), text, groups))
    } catch (error) {
      if (!(error instanceof ExpressionMistake)) throw error
      return [{ path: pointer(...at, ...error.path), message: error.message }]
    }
  })
}

/** Contradictions and dangers in the options that their schema can't say. */
export const ldapMistakes = (options: LdapOptions): readonly OptionMistake[] =>
  [
    serverMistakes,
    tlsMistakes,
    poolMistakes,
    bindMistakes,
    userMistakes,
    groupMistakes,
    permissionMistakes,
    conditionMistakes
  ].flatMap((mistakesOf) => mistakesOf(options))
