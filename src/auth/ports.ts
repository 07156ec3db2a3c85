import type { Span } from './tracing.ts'

/** A structured log; pino fits. Values that a stranger typed stand in the object, never in the message. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** How a password is verified. */
export interface VerifyOptions {
  /** Asked when its turn comes: nothing is hashed for nobody. */
  readonly isGone?: (() => boolean) | undefined
  /** Takes digests without any salt too. */
  readonly weak?: boolean | undefined
  /** Told where the hash verifies nothing, and why, in a word. */
  readonly onUnusable?: (reason: string) => void
  /** The work that it is a part of. */
  readonly span?: Span | undefined
}

/** Password hashing with a bounded queue. All three throw `TemporarilyUnavailable` when the queue is full or too slow. */
export interface Passwords {
  hash(password: string): Promise<string>
  /**
   * False for a wrong password, for no hash of a kind we know, and for parameters above the ceiling. Whatever the hash is, it
   * costs no less than one of our own.
   */
  verify(hash: string, password: string, options?: VerifyOptions): Promise<boolean>
  /** Costs what `verify` costs, and tells nothing: for accounts that nobody knows. */
  verifyDecoy(password: string, options?: Pick<VerifyOptions, 'isGone' | 'span'>): Promise<void>
  /** Whether the hash was made with weaker parameters than today's. */
  needsRehash(hash: string): boolean
}

/** One try at guessing, over all accounts that it touches. Exactly one of the last three is called, once. */
export interface Attempt {
  /** Waits for its turn at this account. @throws {SlowDown} while the account is locked */
  claim(account: string): Promise<void>
  /** Nobody accepted: counts against the accounts claimed; `only` limits that to some of them. */
  failed(only?: (account: string) => boolean): void
  /** Accepted: the accounts claimed are forgiven for this address; `only` limits that to some of them. */
  succeeded(only?: (account: string) => boolean): void
  /** It came to no answer: counts for nothing. */
  released(): void
}

/** Counts failed logins by account and address. */
export interface Limits {
  /** @param ip the end user's address */
  begin(ip: string): Attempt
}

/** What the chain and the login report for `/metrics`. Durations in seconds. */
export interface LoginMetrics {
  backendAnswered(backend: string, outcome: string, seconds: number): void
  loginEnded(backend: string, outcome: string, seconds: number): void
}

/** What backends themselves report for `/metrics`. */
export interface BackendMetrics {
  /** An answer that pointed to another server, which is not asked. */
  referralMet(backend: string): void
}

/** Tokens that are good once, counted over all replicas. */
export interface SingleUse {
  /**
   * Counts one; false where it was counted before.
   * @param owner whose it is, without a space: ids of different owners never meet
   * @param expiresAt epoch milliseconds, after which nobody would take it anyway
   * @throws {TemporarilyUnavailable}
   */
  use(owner: string, id: string, expiresAt: number): Promise<boolean>
  /** Whether it was counted already, without counting it. @throws {TemporarilyUnavailable} */
  wasUsed(owner: string, id: string): Promise<boolean>
}

/** What a backend leaves to the one that a reload puts in its place. */
export interface HandedOn {
  /** @param key says all that it depends on; @param create is given what was made under the same key before */
  of<Value>(key: string, create: (before: Value | undefined) => Value): Value
}
