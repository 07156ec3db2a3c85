import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { addressOf } from './address.ts'

/**
 * The end user's address: the caller's, or what it says in X-Forwarded-For, where it may. Entries are read from the right,
 * as each hop appends the one before it: those that trusted proxies wrote are counted off already, and those of the
 * client's own hops are passed over.
 * @param mayHandOn whether an address is one from which this client is believed
 */
export function endUserAddress(request: FastifyRequest, mayHandOn: (address: string) => boolean): string {
  if (!mayHandOn(request.ip)) return addressOf(request)
  const header = request.headers['x-forwarded-for'] ?? ''
  const said = (typeof header === 'string' ? header : header.join()).split(',').map((entry) => entry.trim())
  const handedOn = said.slice(0, Math.max(0, said.length - ((request.ips?.length ?? 1) - 1)))
  let ip = request.ip
  for (const entry of handedOn.reverse()) {
    if (isIP(entry) === 0) break
    ip = entry
    if (!mayHandOn(entry)) break
  }
  return addressOf({ ip })
}
