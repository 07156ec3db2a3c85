import { BackendUnavailable } from '../errors.ts'
import type { Along, Trail } from './audit.ts'
import type { BackendContext, TraceStep } from './backend.ts'
import type { Link } from './link.ts'
import type { Log } from './ports.ts'
import { type Facts, type Span, type Traced, traced } from './tracing.ts'

/** What goes along with a request from the door to the last backend. */
export interface RequestContext extends Traced {
  readonly log: Log
  readonly clientId: string
  /** The end user's address. */
  readonly ip: string
  /** When the request must be answered, in milliseconds of `performance.now()`. */
  readonly deadline: number
  /** Whether nobody waits for the answer any more. */
  readonly isGone?: () => boolean
  /** See `BackendContext.trace`; with the backend's id. */
  readonly trace?: (backend: string, step: TraceStep) => void
  /** Takes down what becomes known on the way, for the audit. */
  readonly trail?: Trail
  /** Takes what is written with the event of a success; absent: each is written when its time has come. */
  readonly along?: Along[]
  /** Writes a refusal down. It is called before the failure floor is waited for, so that its time tells nothing. */
  readonly refused?: (error: unknown) => Promise<void>
}

/**
 * Asks one backend within its share of the time that is left, and not at all while its breaker is open. The answer is
 * waited for no longer than that, even where the backend pays no heed to the signal.
 * @param operation what a trace calls it
 * @param waitsForUs whether the backend itself waits for something of ours: then no lateness is its own
 * @throws {BackendUnavailable} where it could not tell in time; what else it throws passes through
 */
export function ask<Answer, Context extends BackendContext>(
  link: Link,
  request: RequestContext,
  extend: (context: BackendContext, span: Span | undefined) => Context,
  question: (context: Context) => Promise<Answer>,
  operation = 'backend.ask',
  waitsForUs: () => boolean = () => false
): Promise<Answer> {
  const facts = () => ({ 'latchkey.backend.id': link.id, 'latchkey.backend.type': link.type })
  return traced(request, operation, (request) => askInTime(link, request, extend, question, waitsForUs), facts)
}

async function askInTime<Answer, Context extends BackendContext>(
  link: Link,
  request: RequestContext,
  extend: (context: BackendContext, span: Span | undefined) => Context,
  question: (context: Context) => Promise<Answer>,
  waitsForUs: () => boolean
): Promise<Answer> {
  const shareMs = Math.min(link.timeoutMs, request.deadline - performance.now())
  if (shareMs <= 0) throw new BackendUnavailable(link.id, { reason: 'deadline' })
  if (!link.breaker.admit()) throw new BackendUnavailable(link.id, { reason: 'breaker-open' })
  const ends = performance.now() + shareMs
  const abort = new AbortController()
  const { trace, span } = request
  const asked = {
    ...(trace && { trace: (step: TraceStep) => trace(link.id, step) }),
    ...(span && { traceHeaders: span.headers }),
    signal: abort.signal,
    remainingMs: () => Math.max(0, ends - performance.now()),
    log: request.log,
    clientId: request.clientId,
    ip: request.ip
  }
  try {
    const answer = await within(shareMs, link.id, abort, question(extend(asked, span)))
    link.breaker.succeeded()
    span?.tell(outcomeOf(answer))
    return answer
  } catch (error) {
    const hadItsShare = !abort.signal.aborted || (shareMs === link.timeoutMs && !waitsForUs())
    if (error instanceof BackendUnavailable && hadItsShare) link.breaker.failed(error.reason)
    else link.breaker.abandoned()
    throw error
  }
}

/** The word that an answer begins with, where it has one. */
function outcomeOf(answer: unknown): Facts {
  const { outcome, state } = Object(answer) as { readonly outcome?: unknown; readonly state?: unknown }
  const word = outcome ?? state
  return typeof word === 'string' ? { 'latchkey.outcome': word } : {}
}

function within<Answer>(ms: number, backend: string, abort: AbortController, answer: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const error = new BackendUnavailable(backend, { reason: 'timeout' })
      reject(error)
      abort.abort(error)
    }, ms)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
