import { BackendUnavailable } from '../errors.ts'
import type { Chain, Link } from './link.ts'
import type { Log } from './ports.ts'
import { ask, type RequestContext } from './question.ts'

/** The ids of the backends that answer at this moment. */
export type Probes = () => Promise<ReadonlySet<string>>

/** Whoever wants to know, and however often: no backend is asked again sooner. */
const freshMs = 1000
/** Nobody waits longer for all of them. */
const longestMs = 2000

/** Asks the backends whether they answer, so that one that died is known before somebody wants to log in. */
export function createProbes(chain: Chain, log: Log, now: () => number = () => performance.now()): Probes {
  let askedAt = Number.NEGATIVE_INFINITY
  let answering: Promise<ReadonlySet<string>> = Promise.resolve(new Set<string>())
  return () => {
    if (now() - askedAt < freshMs) return answering
    askedAt = now()
    answering = probeAll(chain, log)
    return answering
  }
}

async function probeAll(chain: Chain, log: Log): Promise<ReadonlySet<string>> {
  const found = await Promise.all(chain.map((link) => answers(link, log)))
  return new Set(chain.filter((_link, at) => found[at]).map(({ id }) => id))
}

/** Asks one backend whether it answers, by its breaker, which learns of it, too. @throws {BackendUnavailable} */
export const probe = (link: Link, request: RequestContext): Promise<void> =>
  ask(
    link,
    request,
    (context) => context,
    async (context) => link.backend.probe?.(context)
  )

async function answers(link: Link, log: Log): Promise<boolean> {
  if (!link.backend.probe) return true
  const deadline = performance.now() + Math.min(link.timeoutMs, longestMs)
  try {
    await probe(link, { log, clientId: 'status', ip: '127.0.0.1', deadline })
    return true
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) log.error({ err: error, backend: link.id }, 'probe failed')
    return false
  }
}
