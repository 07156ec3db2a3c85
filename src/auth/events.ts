/** What the world outside can be told of. */
export const eventTypes = [
  'user.created',
  'user.joined',
  'user.changed',
  'user.activated',
  'user.deactivated',
  'user.deleted',
  'session.ended',
  'account.locked',
  'key.rotated'
] as const

/** One of `eventTypes`. */
export type EventType = (typeof eventTypes)[number]

/** A user as an event names one: who wants to know more asks `/admin/users/{id}`. */
export interface EventUser {
  readonly id: string
  readonly email: string
}

/** What each event says. Names and ids, never a value that is secret. */
export interface EventData {
  /** `backend`: whose first login it was; null where an administrator or an import did it. */
  readonly 'user.created': { readonly user: EventUser; readonly backend: string | null }
  readonly 'user.joined': { readonly user: EventUser; readonly backend: string; readonly subject: string }
  /** `changed`: the names of fields. */
  readonly 'user.changed': { readonly user: EventUser; readonly changed: readonly string[] }
  readonly 'user.activated': { readonly user: EventUser }
  readonly 'user.deactivated': { readonly user: EventUser }
  readonly 'user.deleted': { readonly user: EventUser }
  /** `session`: null where all sessions and tokens of the user ended, but for `except`. */
  readonly 'session.ended': {
    readonly user: { readonly id: string }
    readonly session: string | null
    readonly except: string | null
  }
  readonly 'account.locked': {
    readonly user: EventUser
    readonly backend: string
    readonly failures: number
    readonly until: string
    /** Null: whoever asks from wherever has to wait. */
    readonly ip: string | null
  }
  readonly 'key.rotated': {
    readonly key: { readonly kid: string; readonly algorithm: string }
    /** The key that signed before. */
    readonly previous: string | null
    readonly reason: 'rotated' | 'revoked'
  }
}

/** Something that happened. */
export type DomainEvent = {
  readonly [Type in EventType]: { readonly type: Type; readonly data: EventData[Type] }
}[EventType]

/** Whoever wants to hear of events of some types. */
export interface Subscriber {
  readonly id: string
  wants(type: EventType): boolean
}

/** Where events are kept for those who want them. Without subscribers nothing is written. */
export interface Outbox {
  /** From now on these alone are written for. Answers how to go back to those before. */
  subscribe(subscribers: readonly Subscriber[]): () => void
  /** Leaves these out, until told otherwise: they asked for no more. */
  pause(ids: ReadonlySet<string>): void
  wants(type: EventType): boolean
  /** Writes down what stands in no transaction of ours. @throws {TemporarilyUnavailable} */
  tell(event: DomainEvent): Promise<void>
  /** Called whenever something may have been written, before it is committed. Answers how to stop that. */
  onWritten(wake: () => void): () => void
}
