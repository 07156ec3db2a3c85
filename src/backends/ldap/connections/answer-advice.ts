import { LdapFailure } from './failure.ts'
import { codes } from './result-codes.ts'
import type { SearchQuery } from './session.ts'
import type { Advice } from './trace.ts'

/** RFC 4511 appendix A, as far as a configuration can bring them about. */
const bindAdvice = new Map<number, (dn: string) => Advice>([
  [
    codes.invalidCredentials,
    (dn) => ({
      text: `the directory refused the service account ${dn}: there is no such account, or its password is another`,
      remedy: 'correct bind.dn and bind.password; try them with ldapwhoami -x -D DN -W -H URL'
    })
  ],
  [
    codes.inappropriateAuthentication,
    (dn) => ({
      text: `${dn} has no password to bind with`,
      remedy: 'name another account as bind.dn, or give it a password'
    })
  ],
  [
    codes.strongerAuthRequired,
    () => ({ text: 'the directory wants a stronger authentication', remedy: 'use ldaps:// or startTls: true' })
  ],
  [
    codes.confidentialityRequired,
    () => ({
      text: 'the directory refuses passwords over a connection without TLS',
      remedy: 'use ldaps:// or startTls: true'
    })
  ],
  [codes.invalidDnSyntax, (dn) => ({ text: `the directory does not take ${dn} for a DN`, remedy: 'correct bind.dn' })],
  [
    codes.unwillingToPerform,
    () => ({
      text: 'the directory is unwilling to bind this account',
      remedy: 'see its log: the account may be disabled'
    })
  ]
])

const wordsOf = (error: unknown): string => {
  if (!(error instanceof LdapFailure)) return String(error)
  return error.cause instanceof LdapFailure ? error.cause.message : error.message
}

/** What any question may come to that gets no answer. */
const silence = (error: unknown): Advice | undefined => {
  if (!(error instanceof LdapFailure)) return undefined
  if (error.reason === 'timeout')
    return {
      text: 'the directory does not answer',
      remedy: 'see whether it hangs or is overloaded; `timeout` is how long it may take'
    }
  if (error.reason === 'protocol')
    return {
      text: `what answers is no LDAP server: ${error.message}`,
      remedy: 'correct the host and the port in `servers`; ldaps:// for a port that speaks TLS'
    }
  if (error.reason === 'closed')
    return {
      text: 'the directory ended the connection',
      remedy:
        'it may want ldaps://, a client certificate (tls.cert, tls.key), or fewer connections (pool.max): its log tells'
    }
  return undefined
}

/** A service account that is not let in. */
export const adviceOnBind = (dn: string, error: unknown): Advice => {
  const known = error instanceof LdapFailure && error.code !== undefined ? bindAdvice.get(error.code) : undefined
  return (
    known?.(dn) ??
    silence(error) ?? { text: `no bind as ${dn}: ${wordsOf(error)}`, remedy: 'see the log of the directory' }
  )
}

/** A root DSE that can't be read. */
export const adviceOnRootDse = (error: unknown): Advice =>
  silence(error) ?? { text: `the root DSE cannot be read: ${wordsOf(error)}`, remedy: 'see the log of the directory' }

/** A search that came to a result which is none. */
export const adviceOnSearch = (
  { base }: Pick<SearchQuery, 'base'>,
  { code, diagnostic, matchedDn }: { code: number; diagnostic: string; matchedDn?: string }
): Advice => {
  const said = diagnostic === '' ? '' : `: ${diagnostic.slice(0, 200)}`
  switch (code) {
    case codes.noSuchObject:
      return {
        text: `there is no entry ${base}, or it may not be seen${matchedDn === undefined ? '' : `; the nearest that exists is ${matchedDn}`}`,
        remedy:
          'correct the base of this search, or let the service account see it; without `bind` the search is anonymous'
      }
    case codes.invalidDnSyntax:
      return { text: `the directory does not take ${base} for a DN`, remedy: 'correct the base of this search' }
    case codes.operationsError:
    case codes.insufficientAccessRights:
    case codes.inappropriateAuthentication:
      return {
        text: `the service account may not search there${said}`,
        remedy: 'give it the right to read, or set `bind` where none is configured: the search is anonymous then'
      }
    case codes.confidentialityRequired:
      return {
        text: 'the directory refuses searches over a connection without TLS',
        remedy: 'use ldaps:// or startTls: true'
      }
    case codes.timeLimitExceeded:
    case codes.sizeLimitExceeded:
    case codes.adminLimitExceeded:
      return {
        text: `the directory cut its answer at one of its limits${said}`,
        remedy:
          'raise the limits of the service account there (OpenLDAP: `limits dn.exact="DN" size.prtotal=unlimited`), ' +
          'or narrow base and filter'
      }
    case codes.referral:
      return {
        text: `the directory refers to another server for ${base}${said}; referrals are not followed`,
        remedy: 'name a server that holds this base itself (for a whole AD forest the global catalogue, port 3269)'
      }
    case codes.busy:
    case codes.unavailable:
      return { text: `the directory says that it is busy or unavailable${said}`, remedy: 'see its log' }
    default:
      return { text: `the directory answered with LDAP result ${code}${said}`, remedy: 'see the log of the directory' }
  }
}

/** A search that found more than is ever taken. */
export const adviceOnExcess = ({ sizeLimit }: Pick<SearchQuery, 'sizeLimit'>): Advice => ({
  text: `more than ${sizeLimit} entries, and so many are refused`,
  remedy: 'narrow base and filter'
})

/** A search that got no answer. */
export const adviceOnSilence = (error: unknown): Advice =>
  silence(error) ?? { text: wordsOf(error), remedy: 'see the log of the directory' }
