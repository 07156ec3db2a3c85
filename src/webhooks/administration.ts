import type { DeliveryList, DeliveryQueue } from './delivery-store.ts'
import { digestOfUrl, type Endpoint } from './endpoint.ts'

/** What administering webhooks needs. */
export interface WebhookAdministration {
  readonly endpoints: readonly Endpoint[]
  readonly deliveries: DeliveryList & Pick<DeliveryQueue, 'disabled'>
}

/** An endpoint as people see it: neither its secrets, nor its path, which may hold one. */
export interface EndpointView {
  readonly id: string
  /** Null: it stands in the configuration no longer, and has deliveries still. */
  readonly origin: string | null
  readonly events: readonly string[]
  /** It asked for no more (410). */
  readonly disabled: boolean
  readonly waiting: number
  readonly delivered: number
  readonly dead: number
}

/** All endpoints with how many deliveries there are: those of the configuration first, in its order. */
export async function endpointViews({ endpoints, deliveries }: WebhookAdministration): Promise<EndpointView[]> {
  const [disabled, counts] = await Promise.all([deliveries.disabled(), deliveries.counts()])
  const countsOf = (id: string) => {
    const none = { waiting: 0, delivered: 0, dead: 0 }
    const mine = counts.filter(({ endpoint }) => endpoint === id).map(({ state, count }) => [state, count])
    return { ...none, ...(Object.fromEntries(mine) as Partial<typeof none>) }
  }
  const configured = endpoints.map(({ id, url, types }) => ({
    ...{ id, origin: new URL(url).origin, events: [...types] },
    ...{ disabled: disabled.get(id) === digestOfUrl(url), ...countsOf(id) }
  }))
  const known = new Set(endpoints.map(({ id }) => id))
  const left = [...new Set(counts.map(({ endpoint }) => endpoint))].filter((id) => !known.has(id))
  return [
    ...configured,
    ...left.map((id) => ({ id, origin: null, events: [], disabled: disabled.has(id), ...countsOf(id) }))
  ]
}
