import type { Log } from './ports.ts'

/** A mail to somebody's stored address: the way to a new password, or where the password is kept instead. */
export interface Mail {
  /** The same in every try. */
  readonly id: string
  /** When it was asked for, epoch milliseconds. */
  readonly at: number
  readonly kind: 'password-reset' | 'password-elsewhere'
  readonly user: { readonly id: string; readonly email: string; readonly name: string }
  /** Of a reset. */
  readonly reset?: { readonly token: string; readonly link: string | undefined; readonly expiresAt: number }
  /** Where the password is kept, in words or URLs. */
  readonly places: readonly string[]
}

/** How handing on ended. `deferred`: nobody took it for now. */
export type Handed = { readonly outcome: 'sent' } | { readonly outcome: 'deferred'; readonly cause: unknown }

/** Hands mails on. @throws where nobody will ever take it */
export interface Mailer {
  send(mail: Mail): Promise<Handed>
}

/** What resets report for `/metrics`. */
export interface MailMetrics {
  /** `deferred`: it is tried again; `dropped`: by then nobody needed it. */
  mailed(kind: Mail['kind'], outcome: 'sent' | 'deferred' | 'dropped' | 'failed' | 'unconfigured'): void
}

/** Where a mail waits to be tried again. */
export interface MailLater {
  /** How long it waits before the next try, after so many. */
  delayMs(tries: number): number
  /** Does something in so many milliseconds, or gives it up. Answers false where too much waits. */
  after(ms: number, work: () => Promise<void>, givenUp: () => void): boolean
}

/** What sending needs. */
export interface SendingTools {
  readonly mailer: Mailer
  readonly metrics: MailMetrics
  readonly later: MailLater
  /** Whether the mail still says what is so. */
  isNeeded(mail: Mail): Promise<boolean>
  now(): number
}

/** Sends a mail, again and again until somebody takes it or it is too old (`until`, epoch milliseconds). Throws nothing. */
export async function sendMail(mail: Mail, until: number, log: Log, tools: SendingTools, tries = 1): Promise<void> {
  const { mailer, metrics } = tools
  const fields = { kind: mail.kind, user: mail.user.id }
  try {
    const handed = await mailer.send(mail)
    if (handed.outcome === 'deferred') return defer(mail, { until, tries, cause: handed.cause }, log, tools)
    metrics.mailed(mail.kind, 'sent')
    log.info({ event: 'mail_sent', ...fields, tries }, 'mail sent')
  } catch (err) {
    failed(mail, err, log, tools)
  }
}

interface Deferral {
  readonly until: number
  readonly tries: number
  readonly cause: unknown
}

function defer(mail: Mail, { until, tries, cause: err }: Deferral, log: Log, tools: SendingTools): void {
  const delayMs = tools.later.delayMs(tries)
  const giveUp = (): void => failed(mail, err, log, tools)
  const again = async (): Promise<void> => {
    // where nobody can tell, the mail goes: its token is looked at once more when it comes back
    if (await tools.isNeeded(mail).catch(() => true)) return sendMail(mail, until, log, tools, tries + 1)
    tools.metrics.mailed(mail.kind, 'dropped')
    log.info({ event: 'mail_dropped', kind: mail.kind, user: mail.user.id }, 'a mail is needed no more')
  }
  if (tools.now() + delayMs >= until || !tools.later.after(delayMs, again, giveUp)) {
    giveUp()
    return
  }
  tools.metrics.mailed(mail.kind, 'deferred')
  const fields = { event: 'mail_deferred', kind: mail.kind, user: mail.user.id, tries, delayMs: Math.round(delayMs) }
  log.warn({ ...fields, err }, 'nobody takes a mail for now: it is tried again')
}

function failed(mail: Mail, err: unknown, log: Log, { metrics }: SendingTools): void {
  metrics.mailed(mail.kind, 'failed')
  log.error({ event: 'mail_failed', kind: mail.kind, user: mail.user.id, err }, 'a mail could not be sent')
}
