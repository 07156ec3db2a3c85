import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { isPublic } from './addresses.ts'

/** The address is private, and no list allows it. */
export class PrivateAddress extends Error {
  readonly code = 'PRIVATE_ADDRESS'

  constructor() {
    super('the address is private, and not among those that are allowed')
  }
}

/**
 * Looks a name up, and gives its addresses to whoever connects only where all of them may be reached: the very address that
 * was checked is connected to, since a name that is looked up twice may change in between.
 */
export function checkedLookup(resolve: typeof lookup, mayReach: (address: string) => boolean): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? []
      if (error || first === undefined) return done(error ?? new Error('no address'), [])
      // one private address among public ones is how a name is made to point inside
      if (!addresses.every(({ address }) => mayReach(address))) return done(new PrivateAddress(), [])
      if (options.all) done(null, addresses)
      else done(null, first.address, first.family)
    })
  }
}

/** What connects to public and allowed addresses alone. @throws {PrivateAddress} the URL names another one itself */
export function guardedLookup(url: string, isAllowed: (address: string) => boolean): LookupFunction {
  const mayReach = (address: string): boolean => isPublic(address) || isAllowed(address)
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) !== 0 && !mayReach(host)) throw new PrivateAddress()
  return checkedLookup(lookup, mayReach)
}
