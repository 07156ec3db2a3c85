import { BackendUnavailable } from '../../errors.ts'

/** Why the service gave no usable answer; becomes `BackendUnavailable`'s reason, so these words are stable. */
export type FailureReason = 'connect' | 'tls' | 'timeout' | 'closed' | 'status' | 'size-limit' | 'protocol'

/** The service could not tell. Says what was met, and holds nothing that was sent. */
export class HttpFailure extends Error {
  readonly reason: FailureReason

  constructor(reason: FailureReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = 'HttpFailure'
    this.reason = reason
  }
}

/** What to do about it, for `explain` and `check`. */
export const remedies: Readonly<Record<FailureReason, string>> = {
  connect: 'is the service running there, and can it be reached from here?',
  tls: 'is its certificate from an authority in tls.ca, for this host and in date? Does it want a client certificate (tls.cert)?',
  timeout: 'find out why it is so slow, or raise timeout and login.timeout',
  closed: 'find out in its log why it closed the connection',
  status:
    'it answers 200, 401, 403, 404 or 423 where it can tell; 400 mostly means another secret, or clocks that differ',
  'size-limit': 'its answer is larger than 64 KiB: answer with fewer permissions and groups',
  protocol: 'compare its answer with docs/backends/http.openapi.yaml'
}

/** Failures of the service as the chain knows them; whatever else is thrown passes. */
export function unavailable(backend: string, error: unknown): unknown {
  return error instanceof HttpFailure ? new BackendUnavailable(backend, { reason: error.reason, cause: error }) : error
}

const reasonByCode: Readonly<Record<string, FailureReason>> = {
  UND_ERR_CONNECT_TIMEOUT: 'connect',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_SOCKET: 'closed',
  UND_ERR_CLOSED: 'closed',
  UND_ERR_DESTROYED: 'closed',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'size-limit'
}

/** A fault of our own: never taken for the service's. */
const mistakes: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED'])

/** What undici or Node says of a request that came to no answer, as one of our reasons; the original where it is none. */
export function failureOf(error: unknown, isOver: boolean): unknown {
  if (error instanceof HttpFailure) return error
  if (isOver) return new HttpFailure('timeout', 'no whole answer within the time')
  // What was no HTTP stands in this error, and may be anything.
  if (error instanceof Error && error.name === 'HTTPParserError') return new HttpFailure('protocol', 'it is no HTTP')
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code === undefined || mistakes.has(code)) return error
  return new HttpFailure(reasonOf(code), code)
}

function reasonOf(code: string): FailureReason {
  const known = Object.hasOwn(reasonByCode, code) ? reasonByCode[code] : undefined
  if (known !== undefined) return known
  if (/^(HPE_|UND_ERR_)/.test(code)) return 'protocol'
  return /CERT|TLS|SSL|EPROTO|SIGNATURE|ISSUER|CRL|HOSTNAME/.test(code) ? 'tls' : 'connect'
}
