import { resolve } from 'node:path'
import { type Check, when } from './checks.ts'
import { isLoopback } from './cidr.ts'
import type { Config } from './config.ts'
import type { Finding } from './config-error.ts'
import { brokenEscape, hasBrokenEscape } from './escapes.ts'
import { pemMistake } from './pem-file.ts'
import type { ConfigFile } from './schema.ts'
import { milliseconds } from './units.ts'

/** What is wrong with the limits. */
export const limitFindings: Check = ({ limits: { account, redis } }) => {
  const isTooLow = account !== false && account.totalFailures !== undefined && account.totalFailures < account.failures
  return [
    ...when(
      isTooLow,
      ['limits', 'account', 'totalFailures'],
      'expected no less than limits.account.failures: one address alone could lock everybody else out',
      [['limits', 'account', 'failures']]
    ),
    ...(redis ? redisFindings(redis) : [])
  ]
}

function redisFindings({ url, password, insecure, tls }: NonNullable<ConfigFile['limits']['redis']>): Finding[] {
  const server = URL.canParse(url) ? new URL(url) : undefined
  const isServer = server !== undefined && /^rediss?:$/.test(server.protocol) && server.hostname !== ''
  const isWhole = isServer && /^\/?\d*$/.test(server.pathname) && !/[?#]/.test(url)
  const at = (key: string, wrong: boolean, message: string) => when(wrong, ['limits', 'redis', key], message)
  if (!isWhole) return at('url', true, 'expected redis://[USER@]HOST[:PORT][/NUMBER] or rediss://…')
  const isPlain = server.protocol === 'redis:'
  return [
    ...at('url', hasBrokenEscape(server), brokenEscape),
    ...at(
      'url',
      isPlain && !insecure && !isLoopback(server.hostname),
      'expected rediss://: in clear is for loopback only, or insecure: true'
    ),
    ...at('insecure', insecure && !isPlain, 'contradicts rediss://'),
    ...at('tls', isPlain && tls !== undefined, 'is for rediss:// only'),
    ...at('password', password !== undefined && server.password !== '', 'stands in the URL already')
  ]
}

/** What is wrong with the file that they name. */
export function limitFileFindings({ limits: { redis } }: ConfigFile, folder: string): Finding[] {
  const ca = redis?.tls?.ca
  const mistake = ca === undefined ? undefined : pemMistake(resolve(folder, ca))
  return mistake === undefined ? [] : when(true, ['limits', 'redis', 'tls', 'ca'], mistake)
}

/** The section as the service uses it. */
export function limitsOf({ ip, account, redis }: ConfigFile['limits'], folder: string): Config['limits'] {
  const ca = redis?.tls?.ca
  return {
    ip: ip && { max: ip.max, windowMs: milliseconds(ip.window) },
    account: account && {
      failures: account.failures,
      totalFailures: account.totalFailures ?? 10 * account.failures,
      windowMs: milliseconds(account.window)
    },
    ...(redis && {
      redis: {
        ...{ url: redis.url, password: redis.password },
        ...(redis.tls && { tls: { ...redis.tls, ca: ca === undefined ? undefined : resolve(folder, ca) } })
      }
    })
  }
}
