import { localType } from '../auth/attributes.ts'
import { canonicalDomain } from '../auth/email.ts'
import { type CommonOptions, commonOptions } from './backend-schema.ts'
import { type Check, when } from './checks.ts'
import type { Finding, Path } from './config-error.ts'
import { nearestName } from './explain.ts'
import { mappedFields } from './reserved.ts'
import { milliseconds } from './units.ts'

/** What is wrong among the backends, whatever their types. */
export const backendChecks: readonly Check[] = [
  (file) => {
    const backends = commonOptions(file)
    const ids = backends.map(({ id }) => id.toLowerCase())
    const types = backends.map(({ type }) => type)
    return backends.flatMap(({ id, type, email }, index) => {
      const path: Path = ['backends', index]
      const isSecondLocal = type === localType && types.indexOf(type) !== index
      return [
        ...when(ids.indexOf(id.toLowerCase()) !== index, [...path, 'id'], 'another backend has this id'),
        ...when(isSecondLocal, [...path, 'type'], 'there can be one backend of type local'),
        ...emailFindings(email, [...path, 'email'])
      ]
    })
  },

  (file) => {
    const known = ['email', ...mappedFields, ...Object.keys(file.users.attributes)]
    return commonOptions(file).flatMap((backend, index) =>
      fieldFindings(backend, known, ['backends', index, 'attributes'])
    )
  },

  (file) => {
    const backends = commonOptions(file)
    const own = backends.find(({ type }) => type === localType)?.id
    const moving = backends.filter((backend) => backend.type === 'sql' && Reflect.get(backend, 'migrate') === true)
    return [
      ...moving.flatMap((backend) =>
        when(
          own === undefined,
          ['backends', backends.indexOf(backend), 'migrate'],
          'needs a backend of type local, which people move to'
        )
      ),
      ...file.clients.flatMap(({ backends: asked }, index) =>
        when(
          own !== undefined && moving.some(({ id }) => asked?.includes(id)) && !asked?.includes(own),
          ['clients', index, 'backends'],
          `lacks ${own}, which people move to from those that are here`
        )
      )
    ]
  },

  ({ issuer, ...file }) =>
    commonOptions(file).flatMap((backend, index) =>
      when(
        issuer !== undefined && Reflect.get(backend, 'issuer') === issuer,
        ['backends', index, 'issuer'],
        'is this service: its own tokens are taken without a backend',
        [['issuer']]
      )
    ),

  (file) =>
    commonOptions(file).flatMap(({ timeout = '1ms' }, index) =>
      when(
        milliseconds(timeout) > milliseconds(file.login.timeout),
        ['backends', index, 'timeout'],
        'expected no more than login.timeout',
        [['login', 'timeout']]
      )
    )
]

/** Of fields that nobody has, only slips of the pen: others may be there for `email.fallback`, or for their backend. */
function fieldFindings({ type, attributes }: CommonOptions, known: readonly string[], path: Path): Finding[] {
  const fields = Object.keys(attributes ?? {})
  if (type === localType)
    return when(fields.length > 0, path, 'is for sources that call a field otherwise: these are our own')
  return fields.flatMap((field) => {
    const nearest = known.includes(field) ? undefined : nearestName(field, known)
    const message = `users have no field of this name: did you mean ${nearest}?`
    return when(nearest !== undefined, [...path, field], message, [['users', 'attributes']])
  })
}

function emailFindings({ domains, prefer, fallback }: CommonOptions['email'], path: Path): Finding[] {
  const canonical = domains?.map(canonicalDomain)
  return [
    ...(canonical ?? []).flatMap((domain, index) =>
      when(domain === undefined, [...path, 'domains', index], 'expected a domain such as example.com')
    ),
    ...when(prefer !== undefined && domains === undefined, [...path, 'prefer'], 'needs domains to choose by'),
    ...(fallback === undefined ? [] : fallbackFindings(fallback, canonical, [...path, 'fallback']))
  ]
}

function fallbackFindings(
  fallback: string,
  domains: ReadonlyArray<string | undefined> | undefined,
  path: Path
): Finding[] {
  const [, , domain] = /^([^@\s]+)@([^@\s]+)$/.exec(fallback.replace(/\{[^{}]+\}/g, 'x')) ?? []
  if (domain === undefined || /[{}]/.test(fallback.replace(/\{[^{}]+\}/g, ''))) {
    return when(true, path, 'expected an address with names in braces, such as {username}@example.com')
  }
  if (/\{/.test(fallback.slice(fallback.lastIndexOf('@')))) return []
  const canonical = canonicalDomain(domain)
  if (canonical === undefined) return when(true, path, 'expected a domain such as example.com behind the @')
  return when(
    domains?.includes(canonical) === false,
    path,
    'its domain is not among email.domains, and would be refused'
  )
}
