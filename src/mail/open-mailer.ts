import type { Mailer } from '../auth/reset-mail.ts'
import type { Config } from '../config/config.ts'
import { createSmtpMailer } from './smtp.ts'
import { openTemplates } from './templates.ts'
import { createWebhookMailer } from './webhook.ts'

/** What the configuration's section `mail` asks for. @throws {Error} a template is none */
export async function openMailer({ mail, issuer }: Config): Promise<Mailer | undefined> {
  if (mail === undefined) return undefined
  if ('webhook' in mail) return createWebhookMailer(mail.webhook)
  return createSmtpMailer(mail.smtp, await openTemplates(new URL(issuer).host, mail.templates, Date.now))
}
