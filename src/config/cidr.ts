import { BlockList, isIP } from 'node:net'

/** Whether a text is an IP address, or one with a prefix length: `10.0.0.0/8`, `::1`. */
export function isCidr(text: string): boolean {
  return parse(text) !== undefined
}

/** The same range with its prefix length always written, so that nobody takes none for 0. */
export function fullCidr(cidr: string): string {
  const range = parse(cidr)
  return range === undefined ? cidr : `${range.address}/${range.prefix}`
}

/** Whether it is every address there is. */
export const isEverything = (cidr: string): boolean => parse(cidr)?.prefix === 0

/** Answers whether an address is in one of the ranges; an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4. */
export function createCidrMatcher(cidrs: readonly string[]): (address: string) => boolean {
  // as most are, and a look into an empty list takes as long as one into a short list
  if (cidrs.length === 0) return () => false
  const ranges = new BlockList()
  for (const cidr of cidrs) {
    const range = parse(cidr)
    if (range === undefined) throw new RangeError('not a CIDR')
    ranges.addSubnet(range.address, range.prefix, range.family)
  }
  return (address) => {
    const family = familyOf(address)
    return family !== undefined && ranges.check(address, family)
  }
}

/** Whether a host name or an address stays on this machine; a URL's brackets around IPv6 may be there. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return bare === 'localhost' || loopback(bare)
}

const loopback = createCidrMatcher(['127.0.0.0/8', '::1/128'])

function parse(text: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [, address, length] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = address === undefined ? undefined : familyOf(address)
  if (address === undefined || family === undefined) return undefined
  const bits = family === 'ipv4' ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  return prefix <= bits ? { address, prefix, family } : undefined
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address)
  if (version === 0) return undefined
  return version === 4 ? 'ipv4' : 'ipv6'
}
