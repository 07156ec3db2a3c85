import type { Attributes } from './backend.ts'
import type { LinkPolicy } from './link.ts'
import type { UserIdentity } from './user-store.ts'

/** The type of the backend over our own table; where it stands in the chain, our own values stand. */
export const localType = 'local'

/** The chain as far as it says who goes before whom. */
export type BackendOrder = ReadonlyArray<Pick<LinkPolicy, 'id' | 'type'>>

/**
 * The user's fields from all their identities: each is owned by the first backend in chain order that has a value for it.
 * Our own values stand where the backend `local` does, else behind the chain; a backend that is configured no longer comes last.
 */
export function mergeAttributes(chain: BackendOrder, identities: readonly UserIdentity[], own: Attributes): Attributes {
  const merged: Record<string, Attributes[string]> = {}
  for (const source of inChainOrder(chain, identities, own)) {
    for (const [name, value] of Object.entries(source)) merged[name] ??= value
  }
  return merged
}

/** Whether this backend's word on the e-mail goes before that of the user's other identities. */
export function ownsEmail(chain: BackendOrder, backend: string, identities: readonly UserIdentity[]): boolean {
  const known = new Set(identities.map((identity) => identity.backend)).add(backend)
  return chain.find(({ id }) => known.has(id))?.id === backend
}

function inChainOrder(chain: BackendOrder, identities: readonly UserIdentity[], own: Attributes): Attributes[] {
  const configured = chain.flatMap(({ id, type }) => (type === localType ? [own] : valuesOf(id, identities)))
  const ids = new Set(chain.map(({ id }) => id))
  const left = identities.filter(({ backend }) => !ids.has(backend)).map(({ attributes }) => attributes)
  return chain.some(({ type }) => type === localType) ? [...configured, ...left] : [...configured, own, ...left]
}

const valuesOf = (backend: string, identities: readonly UserIdentity[]): Attributes[] =>
  identities.filter((identity) => identity.backend === backend).map(({ attributes }) => attributes)
