import type {
  AuthenticateContext,
  Backend,
  BackendContext,
  DeniedReason,
  Identity,
  IdentityAnswer,
  PasswordCredentials,
  PermissionAnswer,
  PermissionRequest,
  Verdict
} from '../../auth/backend.ts'
import type { BackendTools } from '../../auth/define-backend.ts'
import { AccountState, Permissions, parseAnswer, Refusal } from './answers.ts'
import { HttpFailure, remedies, unavailable } from './failure.ts'
import { identityReader, nativePermissions, permissionAnswer } from './identity.ts'
import type { HttpOptions } from './options.ts'
import { openService, type ServiceAnswer } from './post.ts'

/** Nobody's: for asking whether the service answers at all. */
const nobody = 'latchkey-probe'

/** Opens the backend; connects at the first question. */
export function openHttp(id: string, options: HttpOptions, { baseFolder, userFields = [] }: BackendTools): Backend {
  const service = openService(options, baseFolder)
  const { origin, pathname } = new URL(options.url)
  const identityOf = identityReader(options.attributes ?? {}, userFields)

  const ask = async (question: { operation: string }, context: BackendContext): Promise<ServiceAnswer> => {
    const began = performance.now()
    const text = `POST ${origin}${pathname} ${question.operation}`
    const tell = (more: { text: string; outcome: 'ok' | 'failed'; remedy?: string }) =>
      context.trace?.({ step: 'request', ms: performance.now() - began, ...more })
    try {
      const answer = await service.post(question, context)
      tell({ outcome: 'ok', text: `${text}: ${answer.status}` })
      return answer
    } catch (error) {
      if (error instanceof HttpFailure)
        tell({ outcome: 'failed', text: `${text}: ${error.message}`, remedy: remedies[error.reason] })
      throw error
    }
  }

  /** Reads an answer, and says what was wrong with it. */
  const read = <Answer>(context: BackendContext, work: () => Answer): Answer => {
    try {
      return work()
    } catch (error) {
      if (error instanceof HttpFailure)
        context.trace?.({ step: 'answer', outcome: 'failed', text: error.message, remedy: remedies[error.reason] })
      throw error
    }
  }

  const identityIn = (answer: ServiceAnswer, context: BackendContext): Identity =>
    read(context, () => identityOf(answer.body ?? missingBody()))

  const authenticate = async (
    { username, password }: PasswordCredentials,
    context: AuthenticateContext
  ): Promise<Verdict> => {
    const { clientId: client, ip } = context
    const question = { operation: 'authenticate', username, password, client, ip }
    const answer = await ask(question, context)
    if (answer.status === 200) {
      const identity = identityIn(answer, context)
      await context.found(identity.subject)
      return { outcome: 'accepted', identity }
    }
    const refused = read(context, () => refusalIn(answer))
    if (refused.outcome === 'unknown') return refused
    // The password was tried elsewhere: what the limits say of it goes first, and nobody learns what came of it.
    await context.found(refused.subject ?? `name:${username.normalize('NFKC').trim().toLowerCase()}`)
    if (refused.outcome === 'rejected') return { outcome: 'rejected', reason: 'wrong-password' }
    const { reason, subject } = refused
    return { outcome: 'denied', reason, ...(subject === undefined ? {} : { subject }) }
  }

  const identity = async (subject: string, context: BackendContext): Promise<IdentityAnswer> => {
    const answer = await ask({ operation: 'identity', ...{ subject } }, context)
    if (answer.status === 200) {
      const found = identityIn(answer, context)
      if (found.subject !== subject) throw new HttpFailure('protocol', 'the answer is about another subject')
      return { state: 'present', identity: found }
    }
    const refused = read(context, () => refusalIn(answer, 'without a password'))
    return refused.outcome === 'denied' ? { state: 'disabled', reason: refused.reason } : { state: 'gone' }
  }

  const permissions = async (request: PermissionRequest, context: BackendContext): Promise<PermissionAnswer> => {
    const { subject, object } = request
    const native = object === undefined ? nativePermissions(request.identity) : undefined
    if (native) return native
    const question = { operation: 'permissions', subject, ...(object ? { object } : {}) }
    const answer = await ask(question, context)
    if (answer.status === 200)
      return permissionAnswer(read(context, () => parseAnswer(Permissions, answer.body ?? missingBody())))
    read(context, () => refusalIn(answer, 'without a password'))
    return { grants: [], known: false }
  }

  const guarded =
    <Args extends unknown[], Answer>(question: (...args: Args) => Promise<Answer>) =>
    (...args: Args): Promise<Answer> =>
      question(...args).catch((error) => Promise.reject(unavailable(id, error)))

  return {
    takes: ['password'],
    authenticate: guarded(async (credentials, context) =>
      credentials.kind === 'password' ? authenticate(credentials, context) : { outcome: 'unknown' }
    ),
    identity: guarded(identity),
    permissions: guarded(permissions),
    probe: guarded(async (context) => void (await identity(nobody, context))),
    close: service.close
  }
}

type Refused =
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'rejected'; readonly subject: string | undefined }
  | { readonly outcome: 'denied'; readonly subject: string | undefined; readonly reason: DeniedReason }

/** @throws {HttpFailure} the status is no verdict, or none on this question */
function refusalIn({ status, body = {} }: ServiceAnswer, isPasswordless?: 'without a password'): Refused {
  if (status === 404) return { outcome: 'unknown' }
  if (status === 423) {
    const { state, subject } = parseAnswer(AccountState, body)
    return { outcome: 'denied', reason: state ?? 'locked', subject: subject ?? undefined }
  }
  if (status !== 403 && (status !== 401 || isPasswordless)) throw new HttpFailure('status', `it answered ${status}`)
  const subject = parseAnswer(Refusal, body).subject ?? undefined
  return status === 403 ? { outcome: 'denied', reason: 'not-allowed', subject } : { outcome: 'rejected', subject }
}

function missingBody(): never {
  throw new HttpFailure('protocol', 'the answer is empty')
}
