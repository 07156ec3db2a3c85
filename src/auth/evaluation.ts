import type { PermissionObject } from './backend.ts'
import { canonicalEmail } from './email.ts'
import { inParallel } from './in-parallel.ts'
import type { Chain } from './link.ts'
import type { Found, Page, PermissionSearch } from './object-grant-store.ts'
import type { Origin, Permissions } from './permission-decision.ts'
import { type PermissionTools, permissionsOf } from './permissions.ts'
import type { RequestContext } from './question.ts'
import type { User, UserStore } from './user-store.ts'

/** A type and an id within it, as a question names its subject and its resource. */
export interface Entity {
  readonly type: string
  readonly id: string
}

/** May this subject do this to that? */
export interface Question {
  /** `user` with a UUID or an e-mail, or `anonymous` with `anonymous`. */
  readonly subject: Entity
  /** A permission's name. */
  readonly permission: string
  /** `any` with `*`: no object is meant. */
  readonly resource: Entity
}

/** The answer, and what it rests upon. */
export interface Decision {
  readonly granted: boolean
  /** Why, in plain words. */
  readonly reason: string
  readonly origins: readonly Origin[]
}

/** What questions are answered with. */
export interface EvaluationTools {
  readonly chain: Chain
  readonly store: Pick<UserStore, 'byId' | 'byEmail'>
  readonly permissions: PermissionTools
  readonly search: PermissionSearch
}

/** Answers questions of one request: whoever and whatever several of them name is looked up once. */
export interface Evaluator {
  /** @throws {TemporarilyUnavailable} as `permissionsOf` does */
  decide(question: Question): Promise<Decision>
  /** The users who hold a permission, of those whom our own tables know to: Django's with_perm. */
  usersWith(permission: string, resource: Entity, page: Page): Promise<Found<User>>
  /** Whether nobody in particular holds it. */
  anonymousHolds(permission: string, resource: Entity): Promise<boolean>
  /** Ids of the objects of a type on which a subject holds a permission: held generally, those that any grant names. */
  objectsWith(subject: Entity, permission: string, type: string, page: Page): Promise<Found<string>>
  /** Everything that a subject may do to a resource. */
  permissionsOn(subject: Entity, resource: Entity): Promise<readonly string[]>
}

/** Creates the evaluator of one request. */
export function createEvaluator(request: RequestContext, tools: EvaluationTools): Evaluator {
  const { chain, store, permissions, search } = tools
  const users = new Map<string, Promise<User | null | undefined>>()
  const gathered = new Map<string, Promise<Permissions>>()

  const userOf = (subject: Entity) => once(users, keyOf(subject), () => findSubject(subject, store))
  const gather = (user: User | null, resource: Entity): Promise<Permissions> => {
    const object = objectOf(resource)
    return once(gathered, `${user?.id ?? 'anonymous'} ${object ? keyOf(object) : ''}`, () =>
      permissionsOf(chain, user, request, permissions, object && { object })
    )
  }
  const holds = async (user: User | null, permission: string, resource: Entity): Promise<boolean> =>
    (await gather(user, resource)).decisions.get(permission)?.granted ?? false

  /** Reads on while what was read does not fill the page, so that few pages are empty. */
  const sifted = async <Item>(
    { after, limit }: Page,
    read: (page: Page) => Promise<Found<Item>>,
    keep: (item: Item) => Promise<boolean>
  ): Promise<Found<Item>> => {
    const items: Item[] = []
    let next: string | null | undefined = after
    for (let round = 0; round < mostRounds && items.length < limit && next !== null; round++) {
      const page: Found<Item> = await read({
        limit: limit - items.length,
        ...(next === undefined ? {} : { after: next })
      })
      const kept = await inParallel(page.items, keep)
      items.push(...page.items.filter((_item, at) => kept[at]))
      next = page.next
    }
    return { items, next: next ?? null }
  }

  return {
    async decide({ subject, permission, resource }) {
      const user = await userOf(subject)
      if (user === undefined) return { granted: false, reason: 'there is no such subject', origins: [] }
      if (user !== null && !user.isActive) return { granted: false, reason: 'the user is inactive', origins: [] }
      const { granted, origins } = (await gather(user, resource)).decisions.get(permission) ?? nobody
      return { granted, reason: reasonOf(granted, origins), origins }
    },

    usersWith(permission, resource, page) {
      const object = objectOf(resource)
      return sifted(
        page,
        (part) => search.candidates(permission, object, part),
        async (user) => user.isActive && holds(user, permission, resource)
      )
    },

    anonymousHolds: (permission, resource) => holds(null, permission, resource),

    async objectsWith(subject, permission, type, page) {
      const user = await userOf(subject)
      if (user === undefined || (user !== null && !user.isActive)) return { items: [], next: null }
      const generally = await holds(user, permission, everything)
      if (user === null && !generally) return { items: [], next: null }
      // no grant names it, and it means all: before what grants of this type name
      const isFirst = generally && type === everything.type && page.after === undefined
      const read = (part: Page) =>
        generally || user === null ? search.objects(type, part) : search.objectsOf(user.id, permission, type, part)
      const rest = isFirst ? { after: '', limit: page.limit - 1 } : page
      const { items, next } = await sifted(rest, read, (id) => holds(user, permission, { type, id }))
      return { items: isFirst ? [everything.id, ...items] : items, next }
    },

    async permissionsOn(subject, resource) {
      const user = await userOf(subject)
      return user === undefined ? [] : (await gather(user, resource)).names
    }
  }
}

const mostRounds = 5
const everything: Entity = { type: 'any', id: '*' }
const nobody = { granted: false, origins: [] }

/** What a question is about beside the permission; `undefined`: no object is meant. */
export const objectOf = ({ type, id }: Entity): PermissionObject | undefined =>
  type === everything.type && id === everything.id ? undefined : { type, id }

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** `null` is the anonymous user, `undefined` nobody. */
async function findSubject(
  { type, id }: Entity,
  store: Pick<UserStore, 'byId' | 'byEmail'>
): Promise<User | null | undefined> {
  if (type === 'anonymous') return id === 'anonymous' ? null : undefined
  if (type !== 'user') return undefined
  if (uuid.test(id)) return store.byId(id.toLowerCase())
  const email = canonicalEmail(id)
  return email === undefined ? undefined : store.byEmail(email)
}

/** Whether a subject of a question is this user. */
export function isUser({ type, id }: Entity, user: Pick<User, 'id' | 'email'>): boolean {
  return type === 'user' && (id.toLowerCase() === user.id || canonicalEmail(id) === user.email)
}

function reasonOf(granted: boolean, origins: readonly Origin[]): string {
  const words = origins.map(({ source, because }) => `${source}: ${because}`)
  if (granted) return words.join('; ')
  return origins.length === 0 ? 'nobody grants it' : `vetoed by ${words.at(-1)}`
}

/** The length says where the type ends. */
const keyOf = ({ type, id }: Entity): string => `${type.length} ${type} ${id}`

function once<Value>(known: Map<string, Promise<Value>>, key: string, make: () => Promise<Value>): Promise<Value> {
  const value = known.get(key) ?? make()
  known.set(key, value)
  return value
}
