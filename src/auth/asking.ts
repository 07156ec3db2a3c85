import type { AuthenticateContext, BackendContext } from './backend.ts'
import type { Link } from './link.ts'
import type { Attempt, Passwords } from './ports.ts'
import type { RequestContext } from './question.ts'
import type { Span } from './tracing.ts'

/** What a login has come to so far, over the backends that were asked. */
export interface LoginState {
  readonly attempt: Attempt
  /** Accounts that were found and did not open: these were guesses, whatever another backend's outage was. */
  readonly guessed: Set<string>
  /** Backend and subject of every account that was found: for the log, which never has the name that was typed. */
  readonly found: string[]
  hashed: boolean
}

/** What goes along with the question to a backend, and what it does meanwhile. */
export interface Asking {
  extend(context: BackendContext, span: Span | undefined): AuthenticateContext
  /** The accounts that it found. */
  readonly found: readonly string[]
  /** Whether it waits for something of ours: a turn at an account, a hash. */
  isWaiting(): boolean
}

/** The question to one backend; what it finds is kept with the login. */
export function askingOf(
  link: Link,
  request: RequestContext,
  { passwords }: { readonly passwords: Pick<Passwords, 'verify'> },
  login: LoginState
): Asking {
  const found: string[] = []
  let waiting = 0
  const ours = <Answer>(work: Promise<Answer>): Promise<Answer> => {
    waiting++
    return work.finally(() => waiting--)
  }
  const extend: Asking['extend'] = (context, span) => ({
    ...context,
    async found(subject) {
      const account = `${link.id}:${subject}`
      await ours(login.attempt.claim(account))
      found.push(account)
      login.found.push(account)
      noteFirst(request, link, subject)
    },
    verifyPassword(hash, password, { weak } = {}) {
      login.hashed = true
      const onUnusable = (reason: string) => {
        const fields = { event: 'hash_unusable', backend: link.id, account: found.at(-1), reason }
        request.log.warn(fields, 'password hash unusable')
      }
      // after its share of the time the login is refused, whatever the hash says
      const isGone = () => context.signal.aborted || request.isGone?.() === true
      return ours(passwords.verify(hash, password, { isGone, weak, onUnusable, span }))
    }
  })
  return { extend, found, isWaiting: () => waiting > 0 }
}

/** The account that was tried first is the one that a refusal is about. */
export function noteFirst({ trail }: RequestContext, link: Link, subject: string): void {
  if (trail && trail.subject === undefined) Object.assign(trail, { backend: link.id, subject })
}
