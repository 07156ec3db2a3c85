import { unusableFiles } from '../../secure-context.ts'
import { type CertificateFacts, pinMismatch } from './certificate.ts'
import { LdapFailure } from './failure.ts'
import type { ServerAddress } from './server-url.ts'
import type { Advice } from './trace.ts'

/** Node's or OpenSSL's code of what lies at the bottom of an error. */
const codeOf = (error: unknown): string => {
  let code = ''
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string') code = cause.code
  }
  return code
}

/** What lies at the bottom of an error, in its own words. */
const wordsOf = (error: unknown): string => {
  let words = String(error)
  for (let cause = error; cause instanceof Error; cause = cause.cause) words = cause.message
  return words
}

const hasTimedOut = (error: unknown): boolean => error instanceof LdapFailure && error.reason === 'timeout'

/** A name that does not resolve. */
export const adviceOnDns = (host: string, error: unknown): Advice =>
  codeOf(error) === 'ENOTFOUND'
    ? { text: `there is no host ${host}`, remedy: 'correct its name in `servers`, or let this machine’s DNS know it' }
    : {
        text: `the name ${host} could not be resolved: ${wordsOf(error)}`,
        remedy: 'see whether this machine’s DNS server answers'
      }

/** A connection that does not come about. */
export const adviceOnTcp = ({ scheme, host, port, path }: ServerAddress, error: unknown): Advice => {
  const place = path ?? `${host} port ${port}`
  const usual = scheme === 'ldaps' ? 636 : 389
  const portAdvice = port === usual || path !== undefined ? '' : ` (${scheme}:// usually has port ${usual})`
  const code = codeOf(error)
  if (code === 'ECONNREFUSED')
    return {
      text: `nobody listens on ${place}`,
      remedy: `correct the port in \`servers\`${portAdvice}, or start the directory`
    }
  if (code === 'ENOENT') return { text: `there is no socket ${place}`, remedy: 'correct the path in `servers`' }
  if (code === 'EACCES')
    return { text: `this user may not use ${place}`, remedy: 'give it the right to, or use ldaps://' }
  if (hasTimedOut(error) || code === 'ETIMEDOUT')
    return { text: `${place} does not answer`, remedy: 'see whether a firewall stands between, or the machine is down' }
  return { text: `no connection to ${place}: ${wordsOf(error)}`, remedy: 'see whether this machine has a route to it' }
}

interface TlsTarget {
  readonly address: ServerAddress
  readonly serverName: string | undefined
  readonly startTls: boolean
  readonly pins: readonly string[]
}

const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA'
])

const day = (date: Date | undefined): string => date?.toISOString().slice(0, 10) ?? 'a day that it does not tell'

/** A handshake that fails. @param facts the certificate that the server showed, if it got so far */
export const adviceOnTls = (error: unknown, target: TlsTarget, facts: CertificateFacts | undefined): Advice => {
  const { address, serverName, startTls, pins } = target
  const code = codeOf(error)
  const asked = serverName === undefined ? `the URL says ${address.host}` : `tls.serverName says ${serverName}`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      text: `the certificate is for ${facts?.names ?? 'another name'}, ${asked}`,
      remedy:
        'write one of these names into the URL, or as tls.serverName, or give the server a certificate for its name'
    }
  if (code === 'CERT_HAS_EXPIRED')
    return { text: `the certificate expired on ${day(facts?.validTo)}`, remedy: 'renew the certificate on the server' }
  if (code === 'CERT_NOT_YET_VALID')
    return { text: `the certificate is not valid before ${day(facts?.validFrom)}`, remedy: 'set the clocks right' }
  if (untrusted.has(code))
    return {
      text: `the certificate is signed by ${facts?.issuer ?? 'somebody'}, whom nobody here trusts`,
      remedy: 'name the PEM file of that authority as tls.ca'
    }
  if (code === pinMismatch)
    return {
      text: `the key of the certificate is ${facts?.pin ?? 'another'}, tls.pin says ${pins.join(' or ')}`,
      remedy: 'if the server was given a new key, write it into tls.pin; if not, somebody stands between'
    }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return {
      text: `port ${address.port} of ${address.host} does not speak TLS`,
      remedy: 'write ldap:// and set startTls: true, or use the port for ldaps (usually 636)'
    }
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS/.test(code))
    return {
      text: 'the server speaks older versions of TLS only',
      remedy: 'upgrade the server, or lower tls.minVersion where that is allowed'
    }
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/.test(code))
    return {
      text: `the server refused the handshake: ${wordsOf(error)}`,
      remedy: 'it may want a client certificate, by an authority that it trusts: tls.cert and tls.key'
    }
  if (error instanceof LdapFailure && error.message === unusableFiles)
    return {
      text: `the files of \`tls\` cannot be used: ${wordsOf(error)}`,
      remedy: 'correct tls.ca, tls.cert and tls.key: PEM files that this process may read'
    }
  if (startTls && error instanceof LdapFailure && /LDAP result/.test(error.message))
    return {
      text: `the server does not do StartTLS (${error.message})`,
      remedy: 'write ldaps:// and drop startTls, or give the server a certificate'
    }
  if (hasTimedOut(error))
    return {
      text: 'the server does not answer the TLS handshake',
      remedy: startTls
        ? 'see whether the directory hangs'
        : 'see whether this port speaks TLS: else write ldap:// with startTls: true'
    }
  return {
    text: `the TLS handshake failed: ${wordsOf(error)}`,
    remedy: startTls ? 'try ldaps://' : 'see whether this port speaks TLS: else write ldap:// with startTls: true'
  }
}

/** SRV records that are not there, or not usable. */
export const adviceOnSrv = ({ scheme, domain }: { scheme: string; domain: string }, error: unknown): Advice => ({
  text: error instanceof Error ? error.message : String(error),
  remedy: `see what \`dig SRV _${scheme}._tcp.${domain}\` says, or name the servers by their URLs`
})
