import { createHmac } from 'node:crypto'

/** A message as Standard Webhooks has it. */
export interface Message {
  /** Without a dot, since a dot ends it where it is signed. */
  readonly id: string
  /** The body, exactly as it is sent. */
  readonly payload: string
}

/**
 * The headers that tell who sent a message and when (Standard Webhooks 1.0.0, signature scheme `v1`): a signature for each
 * key, so that a receiver that knows either is served while a secret is being replaced.
 * @param at when this try is made, epoch milliseconds
 */
export function signedHeaders({ id, payload }: Message, keys: readonly Buffer[], at: number): Record<string, string> {
  const timestamp = Math.floor(at / 1000)
  const signatures = keys.map((key) => {
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${payload}`).digest('base64')
    return `v1,${mac}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signatures.join(' ') }
}

const prefix = 'whsec_'

/** The key in a secret as Standard Webhooks writes it (`whsec_` and base64); undefined where it is none. */
export function keyOf(secret: string): Buffer | undefined {
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : undefined
  if (text === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  const key = Buffer.from(text, 'base64')
  const isWhole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  return isWhole && key.length >= 24 && key.length <= 64 ? key : undefined
}
