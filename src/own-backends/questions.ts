import type { AuthenticateContext, BackendContext, Identity } from '../auth/backend.ts'
import { BackendUnavailable } from '../errors.ts'
import { type Check, identityCheck } from './answers.ts'
import { inModule, outsideModules } from './containment.ts'
import { BackendMistake, thrownText } from './mistake.ts'

/**
 * Lets a backend try a password. A lock that it was told of holds whatever it makes of it, also where it did not wait.
 * @throws {SlowDown} the account is locked
 */
export async function authenticated<Answer>(
  file: string,
  context: AuthenticateContext,
  authenticate: (context: AuthenticateContext) => Promise<Answer>
): Promise<Answer> {
  const claims: Promise<unknown>[] = []
  const remember = <Value>(work: Promise<Value>): Promise<Value> => {
    work.catch(() => {})
    claims.push(work)
    return work
  }
  const answer = await authenticate({
    ...outside(context),
    ...(context.isRehearsal && { isRehearsal: true }),
    found: (subject) => remember(outsideModules(async () => context.found(text(file, 'found', subject)))),
    verifyPassword: (hash, password) =>
      remember(
        outsideModules(async () =>
          context.verifyPassword(text(file, 'verifyPassword', hash), text(file, 'verifyPassword', password))
        )
      )
  }).catch(async (error) => {
    await Promise.all(claims)
    throw error
  })
  await Promise.all(claims)
  return answer
}

function text(file: string, name: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new BackendMistake(file, `${name} was called with something else than text`)
}

/** The context as a module has it: what it calls there is the service's own code again. */
export const outside = (context: BackendContext): BackendContext => {
  const { trace, log, traceHeaders } = context
  const through =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: object, message: string): void =>
      outsideModules(() => log[level](fields, message))
  return {
    signal: context.signal,
    remainingMs: () => context.remainingMs(),
    log: { debug: through('debug'), info: through('info'), warn: through('warn'), error: through('error') },
    clientId: context.clientId,
    ip: context.ip,
    ...(traceHeaders && { traceHeaders }),
    ...(trace && { trace })
  }
}

/** Everybody whom a module lists. @throws as `settled` does */
export async function* listed(file: string, id: string, list: () => AsyncIterable<Identity>) {
  const iterator = await settled(file, id, 'identities', async () => list()[Symbol.asyncIterator]())
  try {
    for (;;) {
      const { done, value } = await settled(file, id, 'identities', () => iterator.next())
      if (done) return
      yield checked(file, 'identities', value, identityCheck)
    }
  } finally {
    await settled(file, id, 'identities', async () => iterator.return?.())
  }
}

/** Runs what answers at once. @throws {BackendMistake} */
export function attempt<Answer>(file: string, name: string, work: () => Answer): Answer {
  try {
    return inModule(file, work)
  } catch (error) {
    throw new BackendMistake(file, `${name} threw ${thrownText(error)}`, error)
  }
}

/** Asks a module. @throws {BackendUnavailable} of whichever copy of the package it came; {BackendMistake} whatever else */
export async function settled<Answer>(
  file: string,
  id: string,
  name: string,
  work: () => Promise<Answer>
): Promise<Answer> {
  try {
    return await inModule(file, async () => work())
  } catch (error) {
    if (isUnavailable(error)) throw new BackendUnavailable(id, { reason: error.reason, cause: error.cause })
    throw new BackendMistake(file, `${name} threw ${thrownText(error)}`, error)
  }
}

function isUnavailable(error: unknown): error is Error & { readonly reason: string } {
  const isNamed = error instanceof Error && error.name === 'BackendUnavailable'
  return isNamed && 'reason' in error && typeof error.reason === 'string'
}

/** An answer whose shape is right. @throws {BackendMistake} */
export function checked<Answer>(file: string, name: string, answer: Answer, check: Check): Answer {
  const mistake = attempt(file, name, () => check(answer, ''))
  if (mistake !== undefined) throw new BackendMistake(file, `${name} answered wrongly: ${mistake}`)
  return answer
}
