import type { Log } from './auth/ports.ts'
import { createCidrMatcher } from './config/cidr.ts'
import type { Config } from './config/config.ts'
import type { Lock } from './limits/account-limits.ts'
import type { Store } from './store/index.ts'
import { sweep } from './sweep.ts'
import { version } from './version.ts'
import type { WebhookMetrics } from './webhooks/deliverer.ts'
import { digestOfUrl } from './webhooks/endpoint.ts'

/** What the store writes events for. */
export const subscribersOf = ({ webhooks }: Config) =>
  webhooks.map(({ id, types }) => ({ id, wants: types.has.bind(types) }))

/** Stops writing for those that asked for no more. */
export async function pauseDisabled(
  { webhooks }: Config,
  { outbox, deliveries }: Pick<Store, 'outbox' | 'deliveries'>
): Promise<void> {
  if (webhooks.length === 0) return
  const disabled = await deliveries.disabled()
  outbox.pause(new Set(webhooks.flatMap(({ id, url }) => (disabled.get(id) === digestOfUrl(url) ? [id] : []))))
}

/**
 * Delivers to the webhooks of a configuration, and removes what was kept long enough. Without webhooks nothing is loaded,
 * written or asked. Answers how to stop it.
 */
export async function openWebhooks(
  config: Config,
  { outbox, deliveries }: Pick<Store, 'outbox' | 'deliveries'>,
  { log, metrics }: { readonly log: Log; readonly metrics: WebhookMetrics }
): Promise<() => Promise<void>> {
  const unsubscribe = outbox.subscribe(subscribersOf(config))
  if (config.webhooks.length === 0) return async () => unsubscribe()
  const [{ openDeliverer }, { openLine }] = await Promise.all([
    import('./webhooks/deliverer.ts'),
    import('./webhooks/post.ts')
  ])
  const deliverer = openDeliverer(config.webhooks, {
    ...{ queue: deliveries, outbox, metrics, log, version },
    openLine: (endpoint) => openLine(endpoint, createCidrMatcher(endpoint.allowPrivate))
  })
  const stops = config.webhooks.flatMap(({ id, keepMs, keepDeadMs }) =>
    (
      [
        ['delivered', keepMs],
        ['dead', keepDeadMs]
      ] as const
    ).map(([state, ms]) =>
      sweep((limit) => deliveries.removeBefore(id, state, Date.now() - ms, limit), `${state} events of webhooks`, log)
    )
  )
  return async () => {
    unsubscribe()
    for (const stop of stops) stop()
    await deliverer.close()
  }
}

/** Tells of accounts that are locked, where the person is known: a name that was typed is nobody's to know. */
export function lockTeller({ outbox, users }: Pick<Store, 'outbox' | 'users'>, log: Log): (lock: Lock) => void {
  const tell = async ({ account, ip, failures, until }: Lock): Promise<void> => {
    if (account.startsWith('name:')) return
    const [backend, subject] = splitAt(account, account.indexOf(':'))
    const user = (await users.byIdentity(backend, subject)) ?? (await users.byId(subject))
    if (!user) return
    const fields = { user: user.id, backend, failures, ip }
    log.warn({ event: 'account_locked', ...fields }, 'account locked after failed logins')
    const data = { user: { id: user.id, email: user.email }, backend, failures, until: iso(until), ip }
    await outbox.tell({ type: 'account.locked', data })
  }
  return (lock) => {
    if (!outbox.wants('account.locked')) return
    tell(lock).catch((err) => log.warn({ event: 'webhooks_unavailable', err }, 'a lock could not be told'))
  }
}

const splitAt = (text: string, at: number): [string, string] => [text.slice(0, at), text.slice(at + 1)]

const iso = (at: number): string => new Date(at).toISOString()
