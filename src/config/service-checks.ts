import { isIP } from 'node:net'
import { type Check, cidrFindings, secretFindings, ttlFindings, when } from './checks.ts'
import { isEverything, isLoopback } from './cidr.ts'
import type { Finding } from './config-error.ts'
import { databaseOf } from './database.ts'
import { limitFindings } from './limits.ts'
import { mailFindings } from './mail.ts'
import { milliseconds } from './units.ts'

/** Issuer, addresses, database, secret, times and hashing. */
export const serviceChecks: readonly Check[] = [
  ({ issuer, listen }) => {
    if (issuer !== undefined) return issuerFindings(issuer)
    const message = 'is missing: it is needed where the service is reached from elsewhere'
    return when(!isLoopback(listen.host), ['issuer'], message, [['listen', 'host']])
  },

  ({ listen: { host } }, hasFile) => [
    ...when(isIP(host) === 0 && !/^[\w.-]+$/.test(host), ['listen', 'host'], 'expected an address or a host name'),
    ...when(
      !hasFile && !isLoopback(host),
      ['listen', 'host'],
      'without a configuration file every caller is answered, and so on loopback only: write a latchkey.yaml'
    )
  ],

  ({ listen: { trustedProxies }, ops }) => [
    ...cidrFindings(ops.from, ['ops', 'from']),
    ...cidrFindings(trustedProxies, ['listen', 'trustedProxies']),
    ...trustedProxies.flatMap((cidr, index) =>
      when(
        isEverything(cidr),
        ['listen', 'trustedProxies', index],
        'is every address: anybody could name any client address'
      )
    )
  ],

  ({ database, secret }) => {
    const { findings, isServer } = databaseOf(database, '/')
    const message = 'is missing: with MySQL it is needed, and the same for every replica'
    return [...findings, ...when(isServer && secret === undefined, ['secret'], message, [['database', 'url']])]
  },

  ({ secret }) => {
    if (secret === undefined) return []
    if (typeof secret === 'string') return secretFindings(secret, ['secret'])
    return secret.flatMap((item, index) => [
      ...secretFindings(item, ['secret', index]),
      ...when(secret.indexOf(item) !== index, ['secret', index], 'is the same as another one')
    ])
  },

  ({ login: { timeout, failureFloor } }) => [
    ...when(milliseconds(timeout) > milliseconds('60s'), ['login', 'timeout'], 'expected 60s at most'),
    ...when(
      milliseconds(failureFloor) >= milliseconds(timeout),
      ['login', 'failureFloor'],
      'expected less than login.timeout',
      [['login', 'timeout']]
    )
  ],

  limitFindings,

  ({ tokens }) => [
    ...ttlFindings(tokens, ['tokens']),
    ...when(
      milliseconds(tokens.refreshIdleTtl) > milliseconds(tokens.refreshTtl),
      ['tokens', 'refreshIdleTtl'],
      'expected no more than tokens.refreshTtl',
      [['tokens', 'refreshTtl']]
    ),
    ...when(
      tokens.rotate !== false && milliseconds(tokens.rotate) < milliseconds('1h'),
      ['tokens', 'rotate'],
      'expected 1h at least: a key is published a quarter of an hour before it signs'
    )
  ],

  mailFindings,

  ({ passwords: { memory, iterations, queueTimeout } }) => [
    ...when(
      !strongEnough.some(([kib, passes]) => memory >= kib && iterations >= passes),
      ['passwords', 'memory'],
      `too weak: expected at least ${strongEnough.map(([kib, passes]) => `${kib} with iterations ${passes}`).join(', or ')}`,
      [['passwords', 'iterations']]
    ),
    ...when(milliseconds(queueTimeout) > milliseconds('60s'), ['passwords', 'queueTimeout'], 'expected 60s at most')
  ]
]

/** OWASP Password Storage Cheat Sheet: settings of equal strength, in KiB and passes. */
const strongEnough = [
  [47104, 1],
  [19456, 2],
  [12288, 3],
  [9216, 4],
  [7168, 5]
] as const

/** RFC 8414 2: https, no query, no fragment; clients compare it as text, so there is one way to write it. */
function issuerFindings(issuer: string): Finding[] {
  const path = ['issuer']
  if (!URL.canParse(issuer)) return when(true, path, 'expected an https URL such as https://auth.example.com')
  const url = new URL(issuer)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return when(true, path, 'expected an https URL')
  return [
    ...when(url.protocol === 'http:' && !isLoopback(url.hostname), path, 'expected https: http is for loopback only'),
    ...when(url.username !== '' || url.password !== '', path, 'expected no user name and no password'),
    ...when(/[?#]/.test(issuer), path, 'expected no query and no fragment'),
    ...when(/\/$/.test(issuer), path, 'expected no slash at its end'),
    ...when(
      !/[?#]|\/$/.test(issuer) && ![issuer, `${issuer}/`].includes(url.href),
      path,
      'expected its canonical form: lower case, no default port, nothing to be normalised'
    )
  ]
}
