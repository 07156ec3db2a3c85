import type { Mailer } from '../auth/reset-mail.ts'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { createSmtpMailer } from './smtp.ts'
import { openTemplates } from './templates.ts'
import { createWebhookMailer } from './webhook.ts'

/** What the configuration's section `mail` asks for. @throws {ConfigError} a template is none */
export async function openMailer({ mail, issuer, file }: Config): Promise<Mailer | undefined> {
  if (mail === undefined) return undefined
  if ('webhook' in mail) return createWebhookMailer(mail.webhook)
  const templates = await openTemplates(new URL(issuer).host, mail.templates, Date.now).catch((error: Error) => {
    throw new ConfigError(file ?? 'configuration', [{ path: 'mail.templates', message: error.message }])
  })
  return createSmtpMailer(mail.smtp, templates)
}
