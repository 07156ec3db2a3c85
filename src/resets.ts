import type { AuditStore } from './auth/audit.ts'
import type { AskingTools, ResetTools } from './auth/password-reset.ts'
import type { Mailer, MailLater } from './auth/reset-mail.ts'
import { createResetTokens } from './auth/reset-token.ts'
import type { Config } from './config/config.ts'
import { SlowDown } from './errors.ts'
import { createRates } from './limits/rates.ts'
import { createQueue } from './passwords/queue.ts'
import type { Store } from './store/index.ts'

/** Resets of passwords, and what goes on after whoever asked was answered. */
export interface Resets {
  readonly tools: ResetTools
  readonly asking: Omit<AskingTools, 'audit' | 'metrics'>
  /** Works when its turn comes. @throws {TemporarilyUnavailable} too many wait */
  later(work: () => Promise<void>): Promise<void>
  /** Waits for what is under way, but not for ever. */
  close(): Promise<void>
}

/** One user gets no more mails than this, whoever asks. */
const mailsOfOne = { max: 3, windowMs: 15 * 60_000 }
const patienceMs = 10_000

/** What resetting needs, whoever asks. */
export function resetToolsOf(config: Config, store: Store, secrets: readonly string[]): ResetTools {
  const { ttlMs, url, elsewhere } = config.passwordReset
  const backends = config.backends.map(({ policy: { id, type } }) => ({
    ...{ id, isOwn: type === 'local', place: elsewhere[id] }
  }))
  const tokens = createResetTokens(secrets)
  return { users: store.users, accounts: store.accounts, backends, tokens, ttlMs, url, now: Date.now }
}

/** What sends the mails of resets, and what remembers them. */
export interface ResetMails {
  readonly mailer: Mailer | undefined
  readonly later: MailLater
  readonly audit: Pick<AuditStore, 'find'>
}

/**
 * Counts in this process, which two requests at once can't deceive, and in the events of all replicas, each of which is
 * written before its mail goes out.
 */
function counterOf(audit: ResetMails['audit'], now: () => number): AskingTools['countMail'] {
  const rates = createRates({ now })
  const { max, windowMs } = mailsOfOne
  return async (user) => {
    await rates.count(user, mailsOfOne)
    const mails = { user, kind: 'password_reset_request', outcome: 'success', since: now() - windowMs } as const
    const { items } = await audit.find({ ...mails, limit: max })
    const oldest = items[max - 1]
    if (oldest !== undefined) throw new SlowDown((oldest.at + windowMs - now()) / 1000)
  }
}

/** The same for a service that runs. */
export function createResets(tools: ResetTools, { mailer, later, audit }: ResetMails): Resets {
  const queue = createQueue({ permits: 4, maxWaiting: 1000, maxWaitMs: 60_000 })
  const running = new Set<Promise<void>>()
  return {
    tools,
    asking: { ...tools, mailer, later, countMail: counterOf(audit, tools.now) },
    async later(work) {
      const done = queue.run(work)
      running.add(done)
      await done.finally(() => running.delete(done))
    },
    async close() {
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patienceMs)
      })
      await Promise.race([Promise.allSettled(running), patience])
      clearTimeout(timer)
    }
  }
}
