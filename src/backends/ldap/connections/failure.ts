import { codes } from './result-codes.ts'

/** Why the directory gave no usable answer; becomes `BackendUnavailable`'s reason, so these words are stable. */
export type FailureReason =
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'closed'
  | 'busy'
  | 'bind'
  | 'protocol'
  | 'size-limit'
  | 'time-limit'
  | 'no-such-object'
  | 'referral'
  | 'refused'
  | 'server-unavailable'

/** The directory could not tell. Holds no credentials: a reason, what the server or Node said, and nothing that was sent. */
export class LdapFailure extends Error {
  readonly reason: FailureReason
  /** The LDAP result code, where it was an answer that told. */
  readonly code: number | undefined

  constructor(reason: FailureReason, message: string, options: { cause?: unknown; code?: number } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'LdapFailure'
    this.reason = reason
    this.code = options.code
  }
}

/** Whoever asks a backend that is gone, or waits for it meanwhile. */
export const wasClosed = (): LdapFailure => new LdapFailure('closed', 'the backend was closed')

/** Failures after which another server may know better: nothing was answered, or the server itself says that it can't. */
const elsewhere: ReadonlySet<FailureReason> = new Set([
  'connect',
  'tls',
  'timeout',
  'closed',
  'busy',
  'bind',
  'server-unavailable'
])

/**
 * Whether the same question may be asked of another server. Nonsense is an answer of a kind: a search may go elsewhere
 * after it, a password is not sent again.
 */
export const isWorthAnotherServer = (failure: unknown, kind: 'searches' | 'binds'): failure is LdapFailure =>
  failure instanceof LdapFailure &&
  (elsewhere.has(failure.reason) || (kind === 'searches' && failure.reason === 'protocol'))

const ofTheServer: ReadonlySet<FailureReason> = new Set([
  'connect',
  'tls',
  'timeout',
  'bind',
  'protocol',
  'server-unavailable'
])

/** Whether the failure says something about the server: neither about one connection or our own queue, nor about one account. */
export const isServerDown = (failure: LdapFailure): boolean => ofTheServer.has(failure.reason)

const reasonByCode = new Map<number, FailureReason>([
  [codes.timeLimitExceeded, 'time-limit'],
  [codes.sizeLimitExceeded, 'size-limit'],
  [codes.referral, 'referral'],
  [codes.adminLimitExceeded, 'size-limit'],
  [codes.noSuchObject, 'no-such-object'],
  [codes.busy, 'server-unavailable'],
  [codes.unavailable, 'server-unavailable']
])

/** A result code (RFC 4511 4.1.9) that is no answer to what was asked. */
export const failedResult = (operation: string, result: { code: number; diagnostic: string }): LdapFailure =>
  new LdapFailure(
    reasonByCode.get(result.code) ?? 'refused',
    `${operation}: LDAP result ${result.code} ${result.diagnostic.slice(0, 200)}`.trimEnd(),
    { code: result.code }
  )
