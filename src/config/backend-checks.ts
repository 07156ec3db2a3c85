import { localType } from '../auth/attributes.ts'
import { canonicalDomain } from '../auth/email.ts'
import type { CommonOptions } from './backend-schema.ts'
import type { Finding, Path } from './config-error.ts'
import type { Check } from './contradictions.ts'
import { when } from './service-checks.ts'
import { milliseconds } from './units.ts'

/** What is wrong among the backends, whatever their types. */
export const backendChecks: readonly Check[] = [
  {
    sections: ['backends'],
    find: ({ backends }) => {
      const common = backends as CommonOptions[]
      const ids = common.map(({ id }) => id.toLowerCase())
      const types = common.map(({ type }) => type)
      return common.flatMap(({ id, type }, index) => [
        ...when(ids.indexOf(id.toLowerCase()) !== index, ['backends', index, 'id'], 'another backend has this id'),
        ...when(
          type === localType && types.indexOf(type) !== index,
          ['backends', index, 'type'],
          'there is one backend of type local at most'
        )
      ])
    }
  },
  {
    sections: ['backends', 'login'],
    find: ({ backends, login }) =>
      (backends as CommonOptions[]).flatMap(({ timeout }, index) =>
        when(
          timeout !== undefined && milliseconds(timeout) > milliseconds(login.timeout),
          ['backends', index, 'timeout'],
          'expected no more than login.timeout'
        )
      )
  },
  {
    sections: ['backends'],
    find: ({ backends }) =>
      (backends as CommonOptions[]).flatMap(({ email }, index) => emailFindings(email, ['backends', index, 'email']))
  }
]

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
