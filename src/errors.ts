/** What an error of the catalogue carries beside its code: how it reaches the caller. */
export interface RefusalOptions {
  /** RFC 6749 5.2: text for a developer; never holds a cause, a host name or a user's data. */
  readonly description: string
  readonly statusCode: number
  /** Whole seconds for the header Retry-After (RFC 9110 10.2.3). */
  readonly retryAfterSeconds?: number
  /** Value of the header WWW-Authenticate (RFC 9110 11.6.1). */
  readonly challenge?: string
  /** Why, in a word that the caller may act on; few errors have one. */
  readonly errorCode?: ErrorCode
  /** Which fields of the body it is about, for problem details. */
  readonly fields?: readonly FieldError[]
  /** What happened, for the log only. */
  readonly cause?: unknown
}

/** The extension field `error_code` of `invalid_grant`: the password was right, and must be changed first. */
export type ErrorCode = 'must_change' | 'password_expired'

/** What is wrong with one field of a request; never holds its value. */
export interface FieldError {
  /** Where it stands in the body (RFC 6901). */
  readonly pointer: string
  readonly detail: string
}

/**
 * An error that a caller may see: its code, its status and its description, and nothing else.
 * Everything that is thrown and is no Refusal becomes 500 `server_error` without detail.
 */
export class Refusal extends Error {
  readonly code: string
  readonly statusCode: number
  readonly description: string
  readonly retryAfterSeconds: number | undefined
  readonly challenge: string | undefined
  readonly errorCode: ErrorCode | undefined
  readonly fields: readonly FieldError[]

  constructor(code: string, options: RefusalOptions) {
    const { description, statusCode, retryAfterSeconds, challenge, errorCode, fields = [], cause } = options
    super(description, { cause })
    this.name = new.target.name
    this.code = code
    this.statusCode = statusCode
    this.description = description
    this.retryAfterSeconds = retryAfterSeconds
    this.challenge = challenge
    this.errorCode = errorCode
    this.fields = fields
  }
}

/** RFC 6749 5.2: the request is malformed, or a parameter is missing, unknown or doubled. */
export class InvalidRequest extends Refusal {
  constructor(description: string, cause?: unknown, fields: readonly FieldError[] = []) {
    super('invalid_request', { description, statusCode: 400, cause, fields })
  }
}

/** An account as one backend knows it, by the ids that identities are kept under. */
export interface AccountKey {
  readonly backend: string
  readonly subject: string
}

/**
 * RFC 6749 5.2: the credentials are not accepted; one text for every cause, which only the log learns. After a right
 * password that must be changed, `errorCode` says so, and `account` (never sent) whose it is.
 */
export class InvalidGrant extends Refusal {
  readonly account: AccountKey | undefined
  /** The class of the cause, for the audit. */
  readonly reason: string | undefined

  constructor(
    cause?: unknown,
    { errorCode, account, reason }: { errorCode?: ErrorCode; account?: AccountKey; reason?: string } = {}
  ) {
    const description = 'The credentials were not accepted'
    super('invalid_grant', { description, statusCode: 400, cause, ...(errorCode && { errorCode }) })
    this.account = account
    this.reason = reason
  }
}

/** Why a source did not take a new password. `policy`: it did not say which rule. The last three are our own. */
export type PasswordRefusedReason =
  | 'too-short'
  | 'too-long'
  | 'too-simple'
  | 'in-history'
  | 'too-young'
  | 'not-allowed'
  | 'policy'
  | 'common'
  | 'own-name'
  | 'service-name'

const passwordRefusedTexts: Readonly<Record<PasswordRefusedReason, string>> = {
  'too-short': 'The new password is too short',
  'too-long': 'The new password is too long',
  'too-simple': 'The new password is too simple',
  'in-history': 'The new password was used before',
  'too-young': 'The password was changed too recently',
  'not-allowed': 'The password may not be changed',
  policy: 'The new password does not meet the policy',
  common: 'The new password is one that everybody tries',
  'own-name': 'The new password is nothing but a name or the e-mail of the user',
  'service-name': 'The new password is nothing but the name of the service'
}

/** The new password is not taken, by us or by the source that would keep it. */
export class PasswordRefused extends Refusal {
  readonly reason: PasswordRefusedReason

  /** @param wanted what would be taken, for the caller to read */
  constructor(reason: PasswordRefusedReason, wanted?: string) {
    const text = passwordRefusedTexts[reason]
    super('password_refused', { description: wanted === undefined ? text : `${text}: ${wanted}`, statusCode: 400 })
    this.reason = reason
  }
}

/** The token of a password reset was not made for what is so now: it was used, has had its time, or never was one. */
export class InvalidResetToken extends Refusal {
  constructor() {
    super('invalid_reset_token', { description: 'The reset token is not valid any more', statusCode: 400 })
  }
}

/** RFC 6749 5.2: the client is unknown, or did not authenticate; `scheme` is the one that it used, if it used any. */
export class InvalidClient extends Refusal {
  constructor(scheme?: string) {
    super('invalid_client', {
      description: 'Client authentication failed',
      statusCode: 401,
      ...(scheme === undefined ? {} : { challenge: `${scheme} realm="latchkey"` })
    })
  }
}

/** RFC 6749 5.2: this client may not ask for this. */
export class UnauthorizedClient extends Refusal {
  constructor(description = 'The client may not use this grant') {
    super('unauthorized_client', { description, statusCode: 400 })
  }
}

/** RFC 6749 5.2: the grant is not one of ours. */
export class UnsupportedGrantType extends Refusal {
  constructor() {
    super('unsupported_grant_type', { description: 'This grant_type is not supported', statusCode: 400 })
  }
}

/** RFC 6749 5.2: the scope is malformed, or more than was granted. */
export class InvalidScope extends Refusal {
  constructor() {
    super('invalid_scope', { description: 'The scope is malformed, or exceeds what was granted', statusCode: 400 })
  }
}

/** RFC 8707 2: the audience is unknown or not allowed, or there are several. */
export class InvalidTarget extends Refusal {
  constructor(description = 'The audience is unknown or not allowed') {
    super('invalid_target', { description, statusCode: 400 })
  }
}

/** RFC 6750 3.1: the bearer token is malformed, foreign, expired or revoked. Without a token (`none`), no error code (3). */
export class InvalidToken extends Refusal {
  constructor(cause?: unknown, options: { none?: boolean } = {}) {
    super('invalid_token', {
      description: options.none ? 'A bearer token is needed' : 'The access token is not valid',
      statusCode: 401,
      challenge: options.none ? 'Bearer realm="latchkey"' : 'Bearer error="invalid_token", realm="latchkey"',
      cause
    })
  }
}

/** Nobody grants what they don't hold, nor changes somebody who holds more. */
export class GrantRefused extends Refusal {
  constructor(description: string) {
    super('grant_refused', { description, statusCode: 403 })
  }
}

/** The change would leave nobody who may do everything. */
export class LastSuperuser extends Refusal {
  constructor() {
    super('last_superuser', { description: 'This is the last active superuser', statusCode: 409 })
  }
}

/** The field's value comes from a backend, and is changed there. */
export class FieldReadOnly extends Refusal {
  readonly field: string
  readonly backend: string

  constructor(field: string, backend: string, pointer: string) {
    const description = `${field} comes from the backend ${backend}`
    super('field_read_only', { description, statusCode: 409, fields: [{ pointer, detail: description }] })
    this.field = field
    this.backend = backend
  }
}

/** The configuration says this, and is where it is changed. */
export class SetByConfiguration extends Refusal {
  constructor(description: string) {
    super('set_by_configuration', { description, statusCode: 409 })
  }
}

/** Somebody or something has that e-mail, identity or name already. */
export class AlreadyExists extends Refusal {
  constructor(description = 'This exists already', cause?: unknown) {
    super('already_exists', { description, statusCode: 409, cause })
  }
}

/** RFC 9110 13.1.1: somebody changed it since it was read. */
export class PreconditionFailed extends Refusal {
  constructor() {
    super('precondition_failed', { description: 'It was changed meanwhile', statusCode: 412 })
  }
}

/** RFC 6750 3.1: the bearer token is ours, but does not carry the permission that is needed. */
export class InsufficientScope extends Refusal {
  constructor() {
    super('insufficient_scope', {
      description: 'The access token does not carry the permission that is needed',
      statusCode: 403,
      challenge: 'Bearer error="insufficient_scope", realm="latchkey"'
    })
  }
}

/** Too many requests or failures; the same for a known account, an unknown one and an address. */
export class SlowDown extends Refusal {
  constructor(retryAfterSeconds: number) {
    super('slow_down', {
      description: 'Too many attempts',
      statusCode: 429,
      retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds))
    })
  }
}

/** RFC 6749 4.1.2.1's word at the token endpoint: a backend, the database or the hash queue could not answer now. */
export class TemporarilyUnavailable extends Refusal {
  constructor(cause?: unknown, retryAfterSeconds = 5) {
    super('temporarily_unavailable', {
      description: 'The service cannot answer at the moment',
      statusCode: 503,
      retryAfterSeconds,
      cause
    })
  }
}

/** Operators only: the address is neither loopback nor in `ops.from`. */
export class AccessDenied extends Refusal {
  constructor() {
    super('access_denied', { description: 'This is for operators only', statusCode: 403 })
  }
}

/** RFC 9110 15.5.6: the path is there, and has not this method. */
export class MethodNotAllowed extends Refusal {
  /** The methods that it has, for the header Allow. */
  readonly allow: string

  constructor(methods: readonly string[]) {
    super('invalid_request', { description: 'The method is not allowed here', statusCode: 405 })
    this.allow = methods.join(', ')
  }
}

/** No such path; the URL is not echoed. */
export class NotFound extends Refusal {
  constructor(description = 'There is nothing here') {
    super('not_found', { description, statusCode: 404 })
  }
}

/** What is asked for does not go with what is there at the moment. */
export class Conflict extends Refusal {
  constructor(description: string) {
    super('conflict', { description, statusCode: 409 })
  }
}

/** Thrown by a backend that could not tell: the directory is down, too slow, or answered nonsense. The chain remembers it. */
export class BackendUnavailable extends Error {
  readonly backend: string
  /** A short stable word for logs, `/status` and metrics: `timeout`, `connect`, `tls`, `bind`, `protocol`, `breaker-open` … */
  readonly reason: string

  constructor(backend: string, options: { reason: string; cause?: unknown }) {
    super(`backend ${backend} is unavailable: ${options.reason}`, { cause: options.cause })
    this.name = 'BackendUnavailable'
    this.backend = backend
    this.reason = options.reason
  }
}
