import { resolveSrv } from 'node:dns/promises'
import { type Deadline, watch } from './deadline.ts'
import { LdapFailure } from './failure.ts'
import type { ServerAddress } from './server-url.ts'

/** A DNS SRV record (RFC 2782). */
export interface SrvRecord {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** Looks SRV records up: Node's own, or a test's. */
export type SrvResolver = (name: string) => Promise<readonly SrvRecord[]>

/** A place whose servers DNS knows: `ldaps+srv://example.com`. */
export interface SrvAddress {
  readonly url: string
  readonly scheme: 'ldap' | 'ldaps'
  readonly domain: string
}

const pattern =
  /^(ldaps?)\+srv:\/\/([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)\/?$/

/** Reads `ldap+srv://domain` and `ldaps+srv://domain`; `undefined`: it is no such URL. @throws {Error} it is a broken one */
export const parseSrvUrl = (url: string): SrvAddress | undefined => {
  if (!/^ldaps?\+srv:/.test(url)) return undefined
  const [, scheme, domain] = pattern.exec(url) ?? []
  if (domain === undefined) throw new Error('expected ldaps+srv://example.com, without a port and nothing behind it')
  return { url, scheme: scheme === 'ldaps' ? 'ldaps' : 'ldap', domain: domain.toLowerCase() }
}

/** By priority, and within one by chance with the weights (RFC 2782). */
export const inSrvOrder = (records: readonly SrvRecord[], random: () => number = Math.random): SrvRecord[] => {
  const key = (weight: number): number => -Math.log(1 - random()) / Math.max(weight, 0.001)
  return records
    .map((record) => ({ record, key: key(record.weight) }))
    .sort((a, b) => a.record.priority - b.record.priority || a.key - b.key)
    .map(({ record }) => record)
}

const isBelow = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`)

/**
 * Asks DNS for the servers of a domain. DNS is no witness: a host outside the domain is passed over, unless its
 * certificate is pinned or must carry a name that the configuration gives (`anyHost`).
 * @throws {LdapFailure}
 */
export const lookUpServers = async (
  { scheme, domain }: SrvAddress,
  options: { readonly anyHost: boolean; readonly resolve?: SrvResolver },
  deadline: Deadline
): Promise<ServerAddress[]> => {
  const name = `_${scheme}._tcp.${domain}`
  const records = await inTime((options.resolve ?? resolveSrv)(name), name, deadline)
  const targets = inSrvOrder(records).map(({ name: host, port }) => ({
    host: host.replace(/\.$/, '').toLowerCase(),
    port
  }))
  const usable = targets.filter(({ host }) => host !== '' && (options.anyHost || isBelow(host, domain)))
  if (usable.length > 0)
    return usable.map(({ host, port }) => ({ url: `${scheme}://${host}:${port}`, scheme, host, port }))
  const because = targets.length > 0 ? `names only hosts outside ${domain}` : 'names no server'
  throw new LdapFailure('connect', `DNS: ${name} ${because}`)
}

const inTime = <T>(answer: Promise<T>, name: string, deadline: Deadline): Promise<T> =>
  new Promise((resolve, reject) => {
    const unwatch = watch(deadline, reject)
    answer
      .then(resolve, (cause: Error) => reject(new LdapFailure('connect', `DNS: ${name}: ${cause.message}`, { cause })))
      .finally(unwatch)
  })
