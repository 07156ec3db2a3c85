import { createHmac } from 'node:crypto'

/** When the request was made, in whole seconds since 1970. */
const timestampHeader = 'latchkey-timestamp'
/** `v1=` and the HMAC-SHA-256 in hexadecimal, over the timestamp, a full stop and the body as it is sent. */
const signatureHeader = 'latchkey-signature'

/**
 * The headers by which the service knows that a request is ours, and of now: the scheme of Standard Webhooks and Stripe,
 * whose receivers refuse what is older than five minutes.
 */
export function signatureOf(secret: string, body: string, nowMs: number): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  return { [timestampHeader]: timestamp, [signatureHeader]: `v1=${signature}` }
}
