import { eventTypes } from '../auth/events.ts'
import { matchesAny, matchesPattern } from '../auth/pattern.ts'
import { keyOf } from '../remote/standard-webhooks.ts'
import type { Endpoint } from '../webhooks/endpoint.ts'
import { type Check, cidrFindings, privateAddressFindings, when } from './checks.ts'
import { fullCidr, isLoopback } from './cidr.ts'
import type { Finding, Path } from './config-error.ts'
import type { ConfigFile } from './schema.ts'
import { milliseconds } from './units.ts'

type Written = ConfigFile['webhooks'][number]

/** A webhook as it is delivered to. */
export function endpointOf({ id, url, secret, events, allowPrivate, ...times }: Written): Endpoint {
  return {
    ...{ id, url },
    keys: [secret].flat().flatMap((text) => keyOf(text) ?? []),
    types: new Set(eventTypes.filter((type) => matchesAny(events, type))),
    allowPrivate: allowPrivate.map(fullCidr),
    timeoutMs: milliseconds(times.timeout),
    keepMs: milliseconds(times.retention),
    keepDeadMs: milliseconds(times.deadRetention)
  }
}

/** What is wrong with webhooks. */
export const webhookChecks: readonly Check[] = [
  ({ webhooks }) =>
    webhooks.flatMap((webhook, index) => {
      const path = ['webhooks', index]
      const isSecond = webhooks.findIndex(({ id }) => id === webhook.id) !== index
      return [
        ...when(isSecond, [...path, 'id'], 'another webhook has this id already'),
        ...cidrFindings(webhook.allowPrivate, [...path, 'allowPrivate']),
        ...urlFindings(webhook, [...path, 'url']),
        ...secretFindings([webhook.secret].flat(), [...path, 'secret']),
        ...patternFindings(webhook, [...path, 'events']),
        ...when(
          milliseconds(webhook.timeout) > milliseconds('30s'),
          [...path, 'timeout'],
          'expected 30s at most: a receiver takes an event first, and works on it afterwards'
        )
      ]
    })
]

function urlFindings({ url: written, allowPrivate }: Written, path: Path): Finding[] {
  if (!URL.canParse(written))
    return when(true, path, 'expected an https URL such as https://hooks.example.com/latchkey')
  const url = new URL(written)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return when(true, path, 'expected an https URL')
  return [
    ...when(url.protocol === 'http:' && !isLoopback(url.hostname), path, 'expected https: http is for loopback only'),
    ...when(url.username !== '' || url.password !== '', path, 'expected no user name and no password'),
    ...when(url.hash !== '', path, 'expected no fragment'),
    ...privateAddressFindings(url, allowPrivate, path)
  ]
}

function secretFindings(secrets: readonly string[], path: Path): Finding[] {
  return secrets.flatMap((secret, index) => {
    const place = secrets.length === 1 ? path : [...path, index]
    return [
      ...when(keyOf(secret) === undefined, place, 'expected whsec_ and 24 to 64 random bytes in base64'),
      ...when(secrets.indexOf(secret) !== index, place, 'is the same as another one')
    ]
  })
}

const patternFindings = ({ events }: Written, path: Path): Finding[] =>
  events.flatMap((pattern, index) =>
    when(
      !eventTypes.some((type) => matchesPattern(pattern, type)),
      [...path, index],
      `matches no event: expected one of ${eventTypes.join(', ')}`
    )
  )
