import type { DomainEvent, EventType, EventUser, Outbox, Subscriber } from '../auth/events.ts'
import { newId } from '../new-id.ts'
import type { Database } from './database.ts'
import { orm } from './drizzle.ts'
import type { Queries } from './kit.ts'
import { insertInto, type Statement } from './statement.ts'
import type { Tables } from './tables.ts'

const { inArray } = orm

type Row = Tables['webhookDeliveries']['$inferInsert']

/** The outbox as the store itself writes into it: within the transaction of what an event tells. */
export interface StoreOutbox extends Outbox {
  write(queries: Queries, events: readonly DomainEvent[]): Promise<void>
  /** The same as statements on their own, one for each subscriber. */
  statements(event: DomainEvent): Statement[]
}

/** An import tells of many users: a statement takes so many values and no more. */
const rowsAtOnce = 500

/** Writes each event once for every subscriber that wants it. */
export const createOutbox = ({ queries, tables: { webhookDeliveries } }: Database): StoreOutbox => {
  const insertion = insertInto(webhookDeliveries)
  const subscriptions: Array<readonly Subscriber[]> = []
  const listeners = new Set<() => void>()
  let paused: ReadonlySet<string> = new Set()
  const subscribersOf = (type: EventType): readonly Subscriber[] =>
    (subscriptions.at(-1) ?? []).filter(({ id, wants }) => wants(type) && !paused.has(id))

  const rowsOf = ({ type, data }: DomainEvent): Row[] => {
    const subscribers = subscribersOf(type)
    if (subscribers.length === 0) return []
    const at = Date.now()
    const message = `msg_${newId().replaceAll('-', '')}`
    const payload = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data })
    return subscribers.map(({ id: endpoint }) => ({
      ...{ id: newId(), endpoint, message, type, payload, state: 'waiting' as const },
      ...{ attempts: 0, dueAt: at, createdAt: at }
    }))
  }
  const wake = (): void => {
    for (const listener of listeners) listener()
  }
  const write = async (within: Queries, events: readonly DomainEvent[]): Promise<void> => {
    const rows = events.flatMap(rowsOf)
    if (rows.length === 0) return
    for (let at = 0; at < rows.length; at += rowsAtOnce) {
      await within.insert(webhookDeliveries).values(rows.slice(at, at + rowsAtOnce))
    }
    wake()
  }

  return {
    subscribe(subscribers) {
      subscriptions.push(subscribers)
      return () => {
        const at = subscriptions.indexOf(subscribers)
        if (at >= 0) subscriptions.splice(at, 1)
      }
    },
    pause(ids) {
      paused = ids
    },
    wants: (type) => subscribersOf(type).length > 0,
    tell: (event) => write(queries, [event]),
    onWritten(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    write,
    statements: (event) =>
      rowsOf(event).map((row) => {
        const [sql, values, traits] = insertion(row)
        return [sql, values, { ...traits, written: wake }]
      })
  }
}

type UserEvent = 'user.activated' | 'user.deactivated' | 'user.deleted'

/** What one transaction has to tell, gathered: several changes of one user are one event. */
export interface Told {
  /** Whether anybody wants to hear of users; what is read for events only need not be read otherwise. */
  readonly ofUsers: boolean
  created(user: EventUser, backend: string | null): void
  joined(userId: string, identity: { readonly backend: string; readonly subject: string }): void
  changed(userId: string, fields: readonly string[]): void
  became(type: UserEvent, user: EventUser): void
  /** @param except the session that lives on */
  sessionsEnded(userId: string, except?: string | null): void
  /** Writes it all down. */
  flush(queries: Queries): Promise<void>
}

/** Gathers for one transaction. */
export const gather = (outbox: StoreOutbox, { users }: Tables): Told => {
  const events: DomainEvent[] = []
  const joined: Array<{ userId: string; backend: string; subject: string }> = []
  const changed = new Map<string, Set<string>>()
  const types = ['user.created', 'user.joined', 'user.changed', 'user.activated', 'user.deactivated', 'user.deleted']
  const ofUsers = types.some((type) => outbox.wants(type as EventType))

  /** Those of them who are there. */
  const named = async (queries: Queries): Promise<Map<string, EventUser>> => {
    const ids = [...new Set([...changed.keys(), ...joined.map(({ userId }) => userId)])]
    if (!ofUsers || ids.length === 0) return new Map()
    const found = await queries.select({ id: users.id, email: users.email }).from(users).where(inArray(users.id, ids))
    return new Map(found.map((user) => [user.id, user]))
  }

  return {
    ofUsers,
    created(user, backend) {
      events.push({ type: 'user.created', data: { user: { id: user.id, email: user.email }, backend } })
    },
    joined(userId, { backend, subject }) {
      joined.push({ userId, backend, subject })
    },
    changed(userId, fields) {
      if (fields.length > 0) changed.set(userId, new Set([...(changed.get(userId) ?? []), ...fields]))
    },
    became(type, { id, email }) {
      events.push({ type, data: { user: { id, email } } })
    },
    sessionsEnded(id, except = null) {
      events.push({ type: 'session.ended', data: { user: { id }, session: null, except } })
    },
    async flush(queries) {
      const users = await named(queries)
      const isNew = new Set(events.flatMap(({ type, data }) => (type === 'user.created' ? [data.user.id] : [])))
      for (const { userId, backend, subject } of joined) {
        const user = users.get(userId)
        if (user) events.push({ type: 'user.joined', data: { user, backend, subject } })
      }
      for (const [userId, fields] of changed) {
        const user = users.get(userId)
        if (user && !isNew.has(userId))
          events.push({ type: 'user.changed', data: { user, changed: [...fields].sort() } })
      }
      await outbox.write(queries, events)
    }
  }
}
