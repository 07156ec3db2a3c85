import { isIP } from 'node:net'
import { isPublic } from '../remote/addresses.ts'
import { createCidrMatcher, isCidr } from './cidr.ts'
import type { Finding, Path } from './config-error.ts'
import type { ConfigFile } from './schema.ts'
import { milliseconds } from './units.ts'

/** Rules that no schema can say; `hasFile`: whether the configuration came from a file. */
export type Check = (file: ConfigFile, hasFile: boolean) => readonly Finding[]

/** Bytes that a secret of ours or of a client has at least. */
const minSecretBytes = 32

/** Says a thing of a place where it is so. @param against other places that it is a contradiction to */
export const when = (wrong: boolean, path: Path, message: string, against: readonly Path[] = []): Finding[] =>
  wrong ? [{ path, message, against }] : []

/** What is wrong with a secret. */
export const secretFindings = (secret: string, path: Path): Finding[] =>
  when(Buffer.byteLength(secret) < minSecretBytes, path, `expected a random text of at least ${minSecretBytes} bytes`)

/** What is wrong with the lifetimes of tokens. */
export function ttlFindings(
  ttls: { readonly accessTtl?: string; readonly refreshTtl?: string; readonly refreshIdleTtl?: string },
  path: Path
): Finding[] {
  const { accessTtl } = ttls
  return [
    ...(['accessTtl', 'refreshTtl', 'refreshIdleTtl'] as const).flatMap((key) =>
      when(milliseconds(ttls[key] ?? '1s') % 1000 !== 0, [...path, key], 'expected whole seconds')
    ),
    ...when(
      milliseconds(accessTtl ?? '1s') > milliseconds('24h'),
      [...path, 'accessTtl'],
      'expected 24h at most: a client that needs longer refreshes'
    )
  ]
}

/** Whether an URL names an address by number that may not be called: neither public nor in `allowPrivate`. */
export function privateAddressFindings({ hostname }: URL, allowPrivate: readonly string[], path: Path): Finding[] {
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const isAllowed = allowPrivate.every(isCidr) ? createCidrMatcher(allowPrivate) : () => true
  const isPrivate = isIP(host) !== 0 && !isPublic(host) && !isAllowed(host)
  return when(isPrivate, path, 'is a private address: list it in allowPrivate')
}

/** What is wrong with ranges of addresses. */
export function cidrFindings(cidrs: readonly string[], path: Path): Finding[] {
  return cidrs.flatMap((cidr, index) =>
    when(!isCidr(cidr), [...path, index], 'expected an address or CIDR such as 10.0.0.0/8')
  )
}
