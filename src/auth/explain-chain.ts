import { setTimeout as sleep } from 'node:timers/promises'
import { BackendUnavailable } from '../errors.ts'
import type { AuthenticateContext, BackendContext, Credentials, Identity, TraceStep, Verdict } from './backend.ts'
import { chosenFrom } from './chain.ts'
import { verdictWords } from './explain-words.ts'
import type { Link } from './link.ts'
import type { LoginTools } from './login.ts'
import { ask, type RequestContext } from './question.ts'

/** A login name without a password. */
export interface NameAlone {
  readonly kind: 'name'
  readonly username: string
}

/** The verdict of a backend that looks nobody up by a name alone. */
export const needsPassword = 'cannot be asked without a password'

/** A login that only shows how it would end. */
export interface Rehearsal {
  readonly tools: LoginTools
  /** What goes along with a question that begins now. */
  asking(): RequestContext
  /** Takes down a step; the backend is null where it is our own. */
  tell(backend: string | null, step: TraceStep): void
}

/** Who accepted, and whom. */
export interface Found {
  readonly link: Link
  readonly identity: Identity
}

/** Asks each backend in turn, or the chosen one, as a login would, and tells what each did. */
export async function askChain(
  presented: Credentials | NameAlone,
  chosen: string | undefined,
  rehearsal: Rehearsal
): Promise<Found | 'refused' | 'unavailable'> {
  let isUnavailable = false
  for (const link of chosenFrom(rehearsal.tools.chain, chosen)) {
    const verdict = await verdictOf(link, presented, rehearsal)
    if (verdict === undefined) continue
    if (verdict instanceof BackendUnavailable) {
      isUnavailable = true
      if (link.onUnavailable === 'stop') break
    } else if (verdict.outcome === 'accepted') return { link, identity: verdict.identity }
    else if (verdict.outcome === 'denied') return 'refused'
    else if (verdict.outcome === 'rejected' && link.onRejected === 'stop') break
  }
  return isUnavailable ? 'unavailable' : 'refused'
}

async function verdictOf(
  link: Link,
  presented: Credentials | NameAlone,
  { tools, asking, tell }: Rehearsal
): Promise<Verdict | BackendUnavailable | undefined> {
  const { backend } = link
  const say = (outcome: TraceStep['outcome'], text: string) => tell(link.id, { step: 'verdict', outcome, text })
  const kind = presented.kind === 'name' ? 'password' : presented.kind
  if (!backend.takes.includes(kind)) {
    say('note', `takes no ${kind}s: is not asked`)
    return undefined
  }
  const began = performance.now()
  try {
    const verdict = await ask(link, asking(), extendBy(tools), async (context) => {
      if (presented.kind === 'name') return backend.lookUp?.(presented.username, context)
      return backend.authenticate(presented, context)
    })
    if (verdict === undefined) say('note', needsPassword)
    else {
      const outcome = verdict.outcome === 'accepted' ? 'ok' : verdict.outcome === 'unknown' ? 'note' : 'failed'
      const ms = performance.now() - began
      tell(link.id, { step: 'verdict', outcome, ms, ...verdictWords(verdict, link, presented.kind) })
    }
    return verdict
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    await lastSteps()
    say('failed', `could not tell: ${[error.reason, ...causes(error.cause)].join(': ')}`)
    return error
  }
}

const extendBy =
  ({ passwords }: LoginTools) =>
  (context: BackendContext): AuthenticateContext => ({
    ...context,
    isRehearsal: true,
    found: async () => undefined,
    verifyPassword(hash, password, { weak } = {}) {
      const onUnusable = (reason: string) =>
        context.trace?.({ step: 'hash', outcome: 'failed', text: `the stored hash can't be used: ${reason}` })
      return passwords.verify(hash, password, { weak, onUnusable })
    }
  })

/** A backend whose time is over is not waited for; it tells just afterwards what it was doing. */
export const lastSteps = (): Promise<void> => sleep(50)

/** What an error and its causes say; a cause that ends the words of its effect is not said again. */
export function causes(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const [next = '', ...others] = causes(error.cause)
  return next === '' || error.message.endsWith(next) ? [error.message, ...others] : [error.message, next, ...others]
}
