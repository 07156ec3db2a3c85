import type { EventType } from '../auth/events.ts'

/** `waiting` for its (next) try, `delivered`, or `dead`: given up, until somebody asks for another try. */
export const deliveryStates = ['waiting', 'delivered', 'dead'] as const

/** One of `deliveryStates`. */
export type DeliveryState = (typeof deliveryStates)[number]

/** One event on its way to one endpoint. Times are epoch milliseconds. */
export interface Delivery {
  /** UUIDv7. */
  readonly id: string
  readonly endpoint: string
  /** The header `webhook-id`: the same for all endpoints and all tries. */
  readonly message: string
  readonly type: EventType
  /** The body, as it is signed. */
  readonly payload: string
  readonly state: DeliveryState
  /** Tries so far. */
  readonly attempts: number
  /** When it is tried next; while it is being tried, when others may take it over. */
  readonly dueAt: number
  /** Whose try it is. */
  readonly claim: string | null
  /** The status of the last answer; null where there was none. */
  readonly lastStatus: number | null
  /** Why the last try failed, in a word. */
  readonly lastError: string | null
  readonly createdAt: number
  readonly lastAttemptAt: number | null
}

/** How a try ended. */
export type Settlement = Pick<Delivery, 'state' | 'lastStatus' | 'lastError'> & {
  readonly dueAt: number
  /** A try that came to nothing by our own doing does not count. */
  readonly counts?: boolean
}

/** The deliveries as whoever delivers sees them. Throws `TemporarilyUnavailable`. */
export interface DeliveryQueue {
  /**
   * Takes what is due for an endpoint: of several replicas one gets each, until it settles it or the lease is over. Fewer than
   * the limit are all that there were.
   */
  claim(endpoint: string, lease: { now: number; until: number; limit: number }): Promise<readonly Delivery[]>
  /** Answers false where somebody else has taken it over. */
  settle(delivery: Delivery, settlement: Settlement, at: number): Promise<boolean>
  /** The endpoints that asked for no more, each by its id with what stands for its URL. */
  disabled(): Promise<ReadonlyMap<string, string>>
  /** Sends an endpoint nothing more; what waits for it is dead. */
  disable(endpoint: string, url: string, at: number): Promise<void>
  /** Removes up to `limit` of the endpoint's in this state that were last tried before; answers how many went. */
  removeBefore(endpoint: string, state: DeliveryState, at: number, limit: number): Promise<number>
}

/** Which deliveries, and which page of them, oldest first. */
export interface DeliveryQuery {
  readonly endpoint?: string | undefined
  readonly state?: DeliveryState | undefined
  /** Those whose type begins so. */
  readonly search?: string | undefined
  /** The id of the last one of the page before. */
  readonly cursor?: string | undefined
  readonly limit: number
}

/** The deliveries as people see them. Throws `TemporarilyUnavailable`. */
export interface DeliveryList {
  byId(id: string): Promise<Delivery | undefined>
  list(query: DeliveryQuery): Promise<readonly Delivery[]>
  /** How many there are of each state, by endpoint, configured or not. */
  counts(): Promise<ReadonlyArray<{ endpoint: string; state: DeliveryState; count: number }>>
  /** Lets what is delivered or dead be tried anew, now. Answers how many that were. */
  retry(ids: readonly string[], at: number): Promise<number>
  delete(ids: readonly string[]): Promise<number>
  /** Sends an endpoint events again. Answers whether it was disabled. */
  enable(endpoint: string): Promise<boolean>
}

/** A delivery as people see it. Its payload tells who it is about. */
export const deliveryAsJson = ({ payload, claim: _claim, ...delivery }: Delivery) => ({
  ...{ id: delivery.id, endpoint: delivery.endpoint, message: delivery.message, type: delivery.type },
  ...{ state: delivery.state, attempts: delivery.attempts },
  ...{ lastStatus: delivery.lastStatus, lastError: delivery.lastError },
  createdAt: iso(delivery.createdAt),
  lastAttemptAt: delivery.lastAttemptAt === null ? null : iso(delivery.lastAttemptAt),
  nextAttemptAt: delivery.state === 'waiting' ? iso(delivery.dueAt) : null,
  payload: JSON.parse(payload) as Record<string, unknown>
})

const iso = (at: number): string => new Date(at).toISOString()
