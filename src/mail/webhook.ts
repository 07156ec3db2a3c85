import type { Mailer } from '../auth/reset-mail.ts'
import { signedHeaders } from '../remote/standard-webhooks.ts'

/** A service that sends the mails itself. */
export interface WebhookOptions {
  readonly url: string
  /** What the requests are signed with. */
  readonly keys: readonly Buffer[]
  readonly timeoutMs: number
}

/** Hands mails to a service by one POST each, signed as Standard Webhooks has it; redirects are not followed. */
export function createWebhookMailer({ url, keys, timeoutMs }: WebhookOptions): Mailer {
  return {
    async send({ id, at, kind, user, reset, places }) {
      const expiresAt = reset && new Date(reset.expiresAt).toISOString()
      const data = { user, places, ...(reset && { token: reset.token, link: reset.link, expiresAt }) }
      const payload = JSON.stringify({ type: `mail.${kind}`, timestamp: new Date(at).toISOString(), data })
      const asked = fetch(url, {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          'content-type': 'application/json',
          ...signedHeaders({ id, payload }, keys, Date.now())
        },
        body: payload
      })
      const answered = await asked.catch((cause: unknown) => ({ cause }))
      if ('cause' in answered) return { outcome: 'deferred', cause: answered.cause }
      await answered.body?.cancel()
      if (answered.ok) return { outcome: 'sent' }
      const cause = new Error(`the webhook answered ${answered.status}`)
      if (answered.status < 500 && ![408, 429].includes(answered.status)) throw cause
      return { outcome: 'deferred', cause }
    }
  }
}
