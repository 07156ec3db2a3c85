import type { Along, Audit, AuditEvent, AuditMetrics, AuditStore, EndedAct } from '../auth/audit.ts'
import type { Log } from '../auth/ports.ts'
import { Refusal, TemporarilyUnavailable } from '../errors.ts'
import { createAllowance } from './allowance.ts'
import { eventOf } from './event.ts'

/** What auditing needs. */
export interface AuditTools {
  readonly store: Pick<AuditStore, 'append'>
  readonly metrics: AuditMetrics
  /** So many refusals a minute are written where an account is known, and as many where none is. */
  readonly refusalsPerMinute: number
}

/** A refusal waits no longer for a database that does not answer: nobody got anything. */
const refusalPatienceMs = 1000
/** How often the log tells of refusals that are not written. */
const tellEveryMs = 60_000

/** Writes acts into the table, then into the log. */
export function createAudit({ store, metrics, refusalsPerMinute }: AuditTools): Audit {
  // a flood of names that nobody has must not drown the tries at an account
  const allowances = { known: createAllowance(refusalsPerMinute), unknown: createAllowance(refusalsPerMinute) }
  const flood = { untold: 0, toldAt: Number.NEGATIVE_INFINITY }

  const isFlood = (act: EndedAct, log: Log): boolean => {
    const isKnown = act.user !== undefined || act.subject !== undefined
    if (act.outcome === 'success' || allowances[isKnown ? 'known' : 'unknown'].take()) return false
    metrics.unaudited('flood')
    flood.untold++
    if (performance.now() - flood.toldAt >= tellEveryMs) {
      log.warn({ event: 'audit_flood', kind: act.kind, count: flood.untold }, 'more refusals than are written down')
      Object.assign(flood, { untold: 0, toldAt: performance.now() })
    }
    return true
  }

  /** Writes the event with what goes along with it; without that part of it which is refused and may be, or with another. */
  const append = async (event: AuditEvent, along: readonly Along[]): Promise<void> => {
    const answer = await store.append(
      [event],
      along.map(({ write }) => write)
    )
    if (answer === undefined) return
    const refused = along[answer.refused]
    if (refused === undefined) throw new Error('an event is there already')
    const instead = await refused.refused()
    await append(
      event,
      along.flatMap((other) => (other === refused ? (instead ?? []) : other))
    )
  }

  const write = async (event: AuditEvent, log: Log, along: readonly Along[]): Promise<void> => {
    try {
      await append(event, along)
      metrics.audited(event.kind, event.outcome)
      log.info({ event: 'audit', audit: written(event) }, 'audit')
    } catch (err) {
      if (err instanceof Refusal && !(err instanceof TemporarilyUnavailable)) throw err
      for (const { unanswered } of along) unanswered?.()
      metrics.unaudited('unavailable')
      log.error({ event: 'audit_unwritten', audit: written(event), err }, 'an event could not be written')
      throw new TemporarilyUnavailable(err)
    }
  }

  return {
    async record(act, log, along = []) {
      if (isFlood(act, log)) return
      const writing = write(eventOf(act), log, along)
      if (act.outcome === 'success') return writing
      await patiently(writing.catch(() => {}))
    },
    limited: () => metrics.unaudited('limited')
  }
}

/** An event without what is empty. */
export type WrittenEvent = { readonly [Name in keyof AuditEvent]?: NonNullable<AuditEvent[Name]> }

/** Leaves out what is empty. */
export function written(event: AuditEvent): WrittenEvent {
  const full: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(event)) if (value !== null) full[name] = value
  return full
}

async function patiently(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, refusalPatienceMs)
  })
  await Promise.race([work, patience])
  clearTimeout(timer)
}
