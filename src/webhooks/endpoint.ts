import { createHash } from 'node:crypto'
import type { EventType } from '../auth/events.ts'

/** Where events are sent. */
export interface Endpoint {
  readonly id: string
  /** https, or http on loopback. */
  readonly url: string
  /** The keys that each message is signed with: the new one, and the old one while it is being replaced. */
  readonly keys: readonly Buffer[]
  readonly types: ReadonlySet<EventType>
  /** CIDRs of private addresses that it may have. */
  readonly allowPrivate: readonly string[]
  readonly timeoutMs: number
  /** How long what was delivered, and what was given up, is kept. */
  readonly keepMs: number
  readonly keepDeadMs: number
}

/** What stands for a URL where it is kept: it may hold a secret, as those of chat services do. */
export const digestOfUrl = (url: string): string => createHash('sha256').update(url).digest('hex')

const prefix = 'whsec_'

/** The key in a secret as Standard Webhooks writes it (`whsec_` and base64); undefined where it is none. */
export function keyOf(secret: string): Buffer | undefined {
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : undefined
  if (text === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  const key = Buffer.from(text, 'base64')
  const isWhole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  return isWhole && key.length >= 24 && key.length <= 64 ? key : undefined
}
