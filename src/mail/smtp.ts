import { readFile } from 'node:fs/promises'
import type { Handed, Mailer } from '../auth/reset-mail.ts'
import type { Templates } from './templates.ts'

/** A mail server and how it is spoken to. */
export interface SmtpOptions {
  /** `smtp://` or `smtps://`, with the user name where it wants one. */
  readonly url: string
  readonly password?: string | undefined
  readonly from: string
  /** TLS: from the start with `smtps`, else by STARTTLS, never less. False: in clear. */
  readonly tls: false | { readonly ca?: string | undefined; readonly serverName?: string | undefined }
  readonly timeoutMs: number
}

/** Hands mails to a mail server, one connection each; the client is loaded with the first. */
export function createSmtpMailer(options: SmtpOptions, templates: Templates): Mailer {
  const url = new URL(options.url)
  const secure = url.protocol === 'smtps:'
  const { timeoutMs, tls } = options
  return {
    async send(mail) {
      const { user } = mail
      // unquoted, a server may read it as two, and send the mail to the first
      if (/[<>]/.test(user.email)) throw new Error('an address with < or > in it can not be written to')
      const { createTransport } = await import('nodemailer')
      const ca = tls && tls.ca !== undefined ? await readFile(tls.ca, 'utf8') : undefined
      const password = options.password ?? decodeURIComponent(url.password)
      const transport = createTransport({
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: Number(url.port || (secure ? 465 : 587)),
        secure,
        ...(tls ? { requireTLS: !secure } : { ignoreTLS: true }),
        ...(url.username && { auth: { user: decodeURIComponent(url.username), pass: password } }),
        tls: {
          minVersion: 'TLSv1.2',
          ...(ca && { ca }),
          ...(tls && tls.serverName !== undefined && { servername: tls.serverName })
        },
        connectionTimeout: timeoutMs,
        greetingTimeout: timeoutMs,
        socketTimeout: timeoutMs,
        dnsTimeout: timeoutMs,
        disableFileAccess: true,
        disableUrlAccess: true
      })
      try {
        const to = { name: '', address: user.email }
        const headers = { 'Auto-Submitted': 'auto-generated' }
        await transport.sendMail({ from: options.from, to, headers, ...templates.write(mail) })
        return { outcome: 'sent' } satisfies Handed
      } catch (cause) {
        if (!isForNow(cause)) throw cause
        return { outcome: 'deferred', cause } satisfies Handed
      } finally {
        transport.close()
      }
    }
  }
}

/** Nodemailer's words for what another try does not change: a password, an address, a message, TLS that is not offered. */
const forGood: readonly unknown[] = ['EAUTH', 'EENVELOPE', 'EMESSAGE', 'ETLS']

/** RFC 5321 4.2.1: 4yz is a failure for now, 5yz one for good. Who does not answer at all may do so later. */
function isForNow(error: unknown): boolean {
  const { code, responseCode = 0 } = Object(error) as { readonly code?: unknown; readonly responseCode?: number }
  return responseCode === 0 ? typeof code === 'string' && !forGood.includes(code) : responseCode < 500
}
