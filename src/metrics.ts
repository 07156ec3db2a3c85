import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { AuditMetrics } from './auth/audit.ts'
import type { Chain } from './auth/link.ts'
import type { BackendMetrics, LoginMetrics } from './auth/ports.ts'
import type { MailMetrics } from './auth/reset-mail.ts'
import type { QueueStatus } from './passwords/queue.ts'
import type { WebhookMetrics } from './webhooks/deliverer.ts'

/** One line of a figure. A histogram's lines have names of their own. */
export interface FamilyValue {
  readonly value: number
  readonly labels: Readonly<Partial<Record<string, string | number>>>
  readonly metricName?: string
}

/** A figure with all its lines. */
export interface Family {
  readonly name: string
  readonly help: string
  /** `counter`, `gauge` or `histogram`. */
  readonly type: string
  readonly values: readonly FamilyValue[]
}

/** The figures for Prometheus. */
export interface Metrics extends LoginMetrics, BackendMetrics, AuditMetrics, MailMetrics, WebhookMetrics {
  readonly contentType: string
  text(): Promise<string>
  /** What stands in the text. */
  families(): Promise<readonly Family[]>
  /** Shows whether each backend of the chain is taken for alive, and Redis where there is one. */
  watch(chain: Chain, redis?: { isUp(): boolean }): void
}

const redisUp = 'latchkey_redis_up'
const durations = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Counters and durations of logins and of each backend, the hash queue, and the process's own. No label is a user's. */
export function createMetrics(queue: () => QueueStatus): Metrics {
  const registry = new Registry()
  const registers = [registry]
  let watched: Chain = []
  collectDefaultMetrics({ register: registry, prefix: 'latchkey_' })
  const answers = new Histogram({
    name: 'latchkey_backend_duration_seconds',
    help: 'How long a backend took to answer credentials, by outcome',
    labelNames: ['backend', 'outcome'] as const,
    buckets: durations,
    registers
  })
  const logins = new Counter({
    name: 'latchkey_logins_total',
    help: 'Logins by the backend that accepted (none: nobody did) and outcome',
    labelNames: ['backend', 'outcome'] as const,
    registers
  })
  const loginDuration = new Histogram({
    name: 'latchkey_login_duration_seconds',
    help: 'How long a login took, without the failure floor',
    labelNames: ['outcome'] as const,
    buckets: durations,
    registers
  })
  const up: Gauge<'backend'> = new Gauge({
    name: 'latchkey_backend_up',
    help: '1 while a backend is asked as usual, 0 while it is taken for dead',
    labelNames: ['backend'] as const,
    registers,
    collect() {
      up.reset()
      for (const { id, breaker } of watched) up.set({ backend: id }, breaker.status().state === 'closed' ? 1 : 0)
    }
  })
  const referrals = new Counter({
    name: 'latchkey_ldap_referrals_total',
    help: 'Answers of a directory with referrals to other servers, which are never followed',
    labelNames: ['backend'] as const,
    registers
  })
  const audited = new Counter({
    name: 'latchkey_audit_events_total',
    help: 'Events that were written down, by kind and outcome',
    labelNames: ['kind', 'outcome'] as const,
    registers
  })
  const unaudited = new Counter({
    name: 'latchkey_audit_unwritten_total',
    help: 'Refusals by a rate limit or in a flood, which are counted only, and events that the database did not take',
    labelNames: ['why'] as const,
    registers
  })
  const mails = new Counter({
    name: 'latchkey_mails_total',
    help: 'Mails by kind and outcome (unconfigured: there is nobody to send them)',
    labelNames: ['kind', 'outcome'] as const,
    registers
  })
  const webhooks = new Counter({
    name: 'latchkey_webhook_tries_total',
    help: 'Tries to deliver an event to a webhook, by outcome; dead: the last one failed',
    labelNames: ['endpoint', 'outcome'] as const,
    registers
  })
  gauge(registry, 'latchkey_hash_queue_running', 'Password hashes at work', () => queue().running)
  gauge(registry, 'latchkey_hash_queue_waiting', 'Password hashes that wait for their turn', () => queue().waiting)
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    families: async () =>
      (await registry.getMetricsAsJSON()).map((family) => ({ ...family, type: String(family.type) })),
    watch(chain, redis) {
      watched = chain
      registry.removeSingleMetric(redisUp)
      if (redis) gauge(registry, redisUp, '1 while limits are counted over all replicas', () => Number(redis.isUp()))
    },
    backendAnswered(backend, outcome, seconds) {
      answers.observe({ backend, outcome }, seconds)
    },
    loginEnded(backend, outcome, seconds) {
      logins.inc({ backend: backend === '' ? 'none' : backend, outcome })
      loginDuration.observe({ outcome }, seconds)
    },
    audited(kind, outcome) {
      audited.inc({ kind, outcome })
    },
    unaudited(why) {
      unaudited.inc({ why })
    },
    mailed(kind, outcome) {
      mails.inc({ kind, outcome })
    },
    webhookTried(endpoint, outcome) {
      webhooks.inc({ endpoint, outcome })
    },
    referralMet(backend) {
      referrals.inc({ backend })
    }
  }
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const made: Gauge = new Gauge({ name, help, registers: [registry], collect: () => made.set(read()) })
}
