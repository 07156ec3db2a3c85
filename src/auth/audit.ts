import type { Log } from './ports.ts'

/**
 * What happened: somebody logged in, refreshed, exchanged a token, a client got a token for itself, a token or session was
 * revoked, a client asked about a token (only where it was refused), a password was changed by its owner, a reset of one was asked for or done, somebody
 * changed something else of their own, somebody administered.
 */
export const auditKinds = [
  'login',
  'refresh',
  'exchange',
  'client_token',
  'revocation',
  'introspection',
  'evaluation',
  'password_change',
  'password_reset_request',
  'password_reset',
  'account',
  'administration'
] as const

/** One of `auditKinds`. */
export type AuditKind = (typeof auditKinds)[number]

/** How it ended. `failed`: a programming error. */
export type AuditOutcome = 'success' | 'refused' | 'unavailable' | 'failed'

/** Values of `details`: names of what was changed, never a value that is secret. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

/**
 * What is known of an act while it goes on: each part of the way notes what it learns, so that an act that is refused
 * half-way has it, too. Never a name that somebody typed: people type passwords there.
 */
export interface Trail {
  readonly kind: AuditKind
  /** Who did it, where that is not the user: `console`, `service`, or the id of an administrator. */
  actor?: string
  user?: string
  /** The user's name at the backend, as the backend has it. */
  username?: string
  backend?: string
  /** The account at the backend, by the backend's id for it. */
  subject?: string
  client?: string
  /** The end user's address. */
  ip?: string
  audience?: string
  session?: string
  /** The claim `jti` of the access token that was issued or revoked. */
  jti?: string
  /** What is issued if the act succeeds: where it is refused, nobody got it. */
  issued?: { readonly jti: string; readonly session?: string }
  /** The request id. */
  request?: string
  /** Of administration: what was done, `users.create`, and to what beside a user: a client's id, a group's name. */
  action?: string
  target?: string
  details?: AuditDetails
}

/** An act that has ended. */
export interface EndedAct extends Readonly<Omit<Trail, 'issued'>> {
  readonly outcome: AuditOutcome
  /** Why it was refused: a word of the verdict, such as `wrong-password`, or the code of the error. */
  readonly reason?: string
}

/** A row of the audit table. */
export interface AuditEvent {
  /** UUIDv7, lower case: newer events have greater ids. */
  readonly id: string
  /** Epoch milliseconds. */
  readonly at: number
  readonly kind: AuditKind
  readonly outcome: AuditOutcome
  readonly reason: string | null
  readonly actor: string | null
  readonly user: string | null
  readonly username: string | null
  readonly backend: string | null
  readonly subject: string | null
  readonly client: string | null
  readonly ip: string | null
  readonly audience: string | null
  readonly session: string | null
  readonly jti: string | null
  readonly request: string | null
  readonly action: string | null
  readonly target: string | null
  readonly details: AuditDetails | null
}

/** Which events are wanted; those that match all that is named. */
export interface AuditFilter {
  readonly user?: string
  /** Administration by `console`, `service` or a user's id. */
  readonly actor?: string
  readonly client?: string
  readonly kind?: AuditKind
  readonly outcome?: AuditOutcome
  /** Those whose `username` begins so. No index has these: events are read until the page is full. */
  readonly search?: string
  /** Epoch milliseconds; both ends belong to it. */
  readonly since?: number
  readonly until?: number
  /** Where the page before ended. */
  readonly cursor?: string
  /** 1 to 1000. */
  readonly limit: number
}

/** A page of events, newest first. */
export interface AuditPage {
  readonly items: readonly AuditEvent[]
  /** The cursor of the next page, or null. */
  readonly next: string | null
}

/** A write that the store has put together and not done yet; nobody else can read it. */
export interface PendingWrite {
  readonly isPending: true
}

/** Something that is written with the event of its act, in one commit: the act has done both or nothing. */
export interface Along {
  readonly write: PendingWrite
  /**
   * What it is about is gone or has changed. Throws what the caller is told; where it returns, the event is written with what
   * it answers instead, or without.
   */
  refused(): Promise<Along | undefined>
  /** The database did not answer: it may be written, or not. */
  unanswered?(): void
}

/** The events in the database. Throws `TemporarilyUnavailable`. */
export interface AuditStore {
  /**
   * Writes what goes along and the events, all of it or nothing: `refused` is the place of what could not be written, in
   * that order; an event is refused where it is there already.
   */
  append(
    events: readonly AuditEvent[],
    along?: readonly PendingWrite[]
  ): Promise<{ readonly refused: number } | undefined>
  find(filter: AuditFilter): Promise<AuditPage>
  /** Removes up to `limit` events from before a time, the oldest first; answers how many went. */
  removeBefore(at: number, limit: number): Promise<number>
}

/** Where acts are written down. */
export interface Audit {
  /**
   * Writes an act into table and log; whoever waits for the answer to it waits for this. Refusals in a flood are counted
   * only.
   * @param along what a success writes
   * @throws {TemporarilyUnavailable} a success could not be written: it must not be answered as one; and what `along` throws
   */
  record(act: EndedAct, log: Log, along?: readonly Along[]): Promise<void>
  /** Counts a refusal by a rate limit, which is no row. */
  limited(): void
}

/** What auditing reports for `/metrics`. */
export interface AuditMetrics {
  audited(kind: AuditKind, outcome: AuditOutcome): void
  /** `limited`: refused by a rate limit; `flood`: more refusals than are written; `unavailable`: the store did not take it. */
  unaudited(why: 'limited' | 'flood' | 'unavailable'): void
}
