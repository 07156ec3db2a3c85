import { createHmac, randomUUID } from 'node:crypto'
import type { Mailer } from '../auth/password-reset.ts'

/** A service that sends the mails itself. */
export interface WebhookOptions {
  readonly url: string
  readonly secret: string
  readonly timeoutMs: number
}

/** Hands mails to a service by one POST each, signed as Standard Webhooks has it; redirects are not followed. */
export function createWebhookMailer({ url, secret, timeoutMs }: WebhookOptions): Mailer {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
  return {
    async send({ kind, user, reset, places }) {
      const expiresAt = reset && new Date(reset.expiresAt).toISOString()
      const data = { user, places, ...(reset && { token: reset.token, link: reset.link, expiresAt }) }
      const body = JSON.stringify({ type: `mail.${kind}`, timestamp: new Date().toISOString(), data })
      const id = `msg_${randomUUID()}`
      const timestamp = String(Math.floor(Date.now() / 1000))
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
      const response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature}`
        },
        body
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`the webhook answered ${response.status}`)
    }
  }
}
