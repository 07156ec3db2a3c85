import { setTimeout as sleep } from 'node:timers/promises'
import type { Outbox } from '../auth/events.ts'
import type { Log } from '../auth/ports.ts'
import { signedHeaders } from '../remote/standard-webhooks.ts'
import type { Delivery, DeliveryQueue, Settlement } from './delivery-store.ts'
import { digestOfUrl, type Endpoint } from './endpoint.ts'
import type { Answer, Line } from './post.ts'
import { delayAfter } from './schedule.ts'

/** What the deliveries report for `/metrics`. */
export interface WebhookMetrics {
  /** One try ended: `delivered`, `failed` (it is tried again) or `dead` (it is not). */
  webhookTried(endpoint: string, outcome: 'delivered' | 'failed' | 'dead'): void
}

/** What delivering needs. */
export interface DelivererTools {
  readonly queue: DeliveryQueue
  readonly outbox: Pick<Outbox, 'onWritten' | 'pause'>
  readonly metrics: WebhookMetrics
  readonly log: Log
  /** For the header User-Agent. */
  readonly version: string
  openLine(endpoint: Endpoint): Line
  /** Milliseconds between looks at what is due. Default: 2 s. */
  readonly pollMs?: number
  readonly now?: () => number
}

/** Delivers events until it is closed. */
export interface Deliverer {
  /** Takes nothing new, and gives tries that are under way a moment; what they cut off is tried again by whoever comes. */
  close(): Promise<void>
}

const usualPollMs = 2_000
/** What was just written is looked for so long after: by then it is committed. */
const wakeMs = 50
/** Tries at once at one endpoint, so that one which hangs holds up nobody but itself. */
const width = 8
/** So much longer than a try may take is it nobody else's: clocks of replicas differ. */
const leaseMarginMs = 60_000
const closePatienceMs = 2_000

interface Course {
  readonly endpoint: Endpoint
  readonly line: Line
  readonly running: Set<Promise<void>>
  isLooking: boolean
  /** Somebody asked for a look while one was under way, which may have been too early. */
  isAsked: boolean
  /** The last look found as much as it could take: there may be more. */
  isFull: boolean
  isDisabled: boolean
}

/** Delivers what is due to each endpoint. Replicas do so side by side, and each delivery is one's alone. */
export function openDeliverer(endpoints: readonly Endpoint[], tools: DelivererTools): Deliverer {
  const { queue, outbox, log, now = Date.now } = tools
  const cut = new AbortController()
  let closed = false
  const courses = endpoints.map((endpoint): Course => {
    const line = tools.openLine(endpoint)
    return { endpoint, line, running: new Set(), isLooking: false, isAsked: false, isFull: false, isDisabled: false }
  })

  const looks = new Set<Promise<void>>()
  const look = (course: Course): Promise<void> => {
    const one = lookOnce(course).finally(() => looks.delete(one))
    looks.add(one)
    return one
  }

  const lookOnce = async (course: Course): Promise<void> => {
    const { endpoint, running } = course
    const limit = width - running.size
    if (course.isLooking) course.isAsked = true
    if (closed || course.isLooking || course.isDisabled || limit === 0) return
    course.isLooking = true
    try {
      const at = now()
      const lease = { now: at, until: at + endpoint.timeoutMs + leaseMarginMs, limit }
      const claimed = await queue.claim(endpoint.id, lease)
      course.isFull = claimed.length === limit
      for (const delivery of claimed) {
        const one: Promise<void> = attempt(delivery, course, tools, cut.signal)
          .catch((err) => log.warn({ event: 'webhooks_unavailable', err }, 'the outcome of a try could not be written'))
          .finally(() => running.delete(one))
          // one message after the other would be claimed by two statements each
          .then(() => (course.isFull && running.size <= width / 2 ? look(course) : undefined))
        running.add(one)
      }
    } catch (err) {
      log.warn({ event: 'webhooks_unavailable', err }, 'the database does not tell what is due')
    } finally {
      course.isLooking = false
      if (course.isAsked) woken.ring()
      course.isAsked = false
    }
  }

  const lookEverywhere = async (): Promise<void> => {
    try {
      const disabled = await queue.disabled()
      for (const course of courses) {
        course.isDisabled = disabled.get(course.endpoint.id) === digestOfUrl(course.endpoint.url)
      }
      if (closed) return
      outbox.pause(new Set(courses.filter(({ isDisabled }) => isDisabled).map(({ endpoint }) => endpoint.id)))
    } catch (err) {
      log.warn({ event: 'webhooks_unavailable', err }, 'the database does not tell which webhooks are disabled')
    }
    await Promise.all(courses.map(look))
  }

  const timer = setInterval(lookEverywhere, tools.pollMs ?? usualPollMs)
  timer.unref()
  const woken = createAlarm(() => void Promise.all(courses.map(look)), wakeMs)
  const stopListening = outbox.onWritten(woken.ring)
  void lookEverywhere()

  return {
    async close() {
      closed = true
      clearInterval(timer)
      woken.stop()
      stopListening()
      const patience = setTimeout(() => cut.abort(), closePatienceMs)
      // what a look takes yet would be nobody's until its lease is over; a database that hangs is not waited for
      await Promise.race([Promise.all(looks), sleep(closePatienceMs, undefined, { ref: false })])
      await Promise.all(courses.flatMap(({ running }) => [...running]))
      clearTimeout(patience)
      await Promise.all(courses.map(({ line }) => line.close()))
    }
  }
}

/** Rings once for all calls within its time. */
function createAlarm(ring: () => void, ms: number): { ring(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined
  return {
    ring() {
      timer ??= setTimeout(() => {
        timer = undefined
        ring()
      }, ms)
    },
    stop() {
      clearTimeout(timer)
    }
  }
}

async function attempt(delivery: Delivery, course: Course, tools: DelivererTools, cut: AbortSignal): Promise<void> {
  const { endpoint, line } = course
  const { queue, log, metrics, version, now = Date.now } = tools
  const { message, payload } = delivery
  const headers = {
    'content-type': 'application/json',
    'user-agent': `Latchkey/${version}`,
    ...signedHeaders({ id: message, payload }, endpoint.keys, now())
  }
  const answer = await line.post(headers, payload, cut)
  const at = now()
  const settlement = settlementOf(delivery, answer, at, cut.aborted)
  const isMine = await queue.settle(delivery, settlement, at)
  if (answer.status === 410) {
    course.isDisabled = true
    await queue.disable(endpoint.id, digestOfUrl(endpoint.url), at)
    log.error({ event: 'webhook_disabled', endpoint: endpoint.id }, 'a webhook asked for no more')
  }
  if (settlement.counts === false) return
  const fields = { endpoint: endpoint.id, delivery: delivery.id, type: delivery.type, attempts: delivery.attempts }
  const outcome = settlement.state === 'waiting' ? 'failed' : settlement.state
  metrics.webhookTried(endpoint.id, outcome)
  const told = { ...fields, status: answer.status, error: answer.error, late: !isMine }
  if (outcome === 'delivered') log.debug({ event: 'webhook_delivered', ...fields }, 'webhook delivered')
  else if (outcome === 'failed') log.warn({ event: 'webhook_failed', ...told }, 'a webhook did not take an event')
  else log.error({ event: 'webhook_dead', ...told }, 'an event could not be delivered, and is given up')
}

function settlementOf({ attempts }: Delivery, answer: Answer, at: number, isCut: boolean): Settlement {
  const { status: lastStatus, error: lastError, retryAfterMs } = answer
  if (lastError === null) return { state: 'delivered', dueAt: at, lastStatus, lastError }
  if (isCut && lastStatus === null) return { state: 'waiting', dueAt: at, lastStatus, lastError: null, counts: false }
  const delayMs = lastStatus === 410 ? undefined : delayAfter(attempts, retryAfterMs)
  if (delayMs === undefined) return { state: 'dead', dueAt: at, lastStatus, lastError }
  return { state: 'waiting', dueAt: at + Math.round(delayMs), lastStatus, lastError }
}
