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
