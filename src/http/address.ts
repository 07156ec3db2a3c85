import { BlockList, isIPv4, isIPv6 } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** Whether an address is this machine's own. */
export const isLoopback = (address: string): boolean => loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')

/** The end user's address as it is counted and logged: IPv4 as it is, IPv6 by its /64, which one subscriber has whole. */
export function addressOf({ ip }: Pick<FastifyRequest, 'ip'>): string {
  return isIPv4(ip) || !isIPv6(ip) ? ip : rateLimit.normalizeIP(ip, 64)
}
