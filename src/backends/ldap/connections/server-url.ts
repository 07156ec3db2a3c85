import { isIP } from 'node:net'

/** Where a server listens, and whether TLS starts with the connection. */
export interface ServerAddress {
  readonly url: string
  readonly scheme: 'ldap' | 'ldaps' | 'ldapi'
  /** Host without brackets; empty for a Unix socket. */
  readonly host: string
  readonly port: number
  /** The Unix socket's path, for ldapi. */
  readonly path?: string
}

/** Reads `ldap://host:port`, `ldaps://host` and `ldapi://%2Fpath`. @throws {Error} whose message says what is wrong */
export const parseServerUrl = (url: string): ServerAddress => {
  const match = /^(ldap|ldaps|ldapi):\/\/(\[[^\]]*\]|[^\s:/?#@]*)(?::(\d+))?\/?$/.exec(url)
  if (match === null)
    throw new Error(
      'expected ldaps://host, ldap://host:port, ldapi://%2Fpath or ldaps+srv://domain, and nothing behind it'
    )
  const scheme = match[1] as ServerAddress['scheme']
  const host = (match[2] ?? '').replace(/^\[|\]$/g, '')
  if (host === '') throw new Error(scheme === 'ldapi' ? "name the socket's path, / written as %2F" : 'name the host')
  if (scheme === 'ldapi') return { url, scheme, host: '', port: 0, path: decodeURIComponent(host) }
  if (match[2]?.startsWith('[') && isIP(host) !== 6) throw new Error('no IPv6 address between the brackets')
  const port = match[3] === undefined ? (scheme === 'ldaps' ? 636 : 389) : Number(match[3])
  if (port < 1 || port > 65_535) throw new Error('the port is not between 1 and 65535')
  return { url, scheme, host, port }
}
