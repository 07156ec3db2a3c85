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

/** Whether this identity's word on the e-mail goes before that of the user's others, among whom it is. */
export function ownsEmail(chain: BackendOrder, own: UserIdentity, identities: readonly UserIdentity[]): boolean {
  const first = chain.find(({ id }) => identities.some(({ backend }) => backend === id))
  return first?.id === own.backend && identitiesAt(own.backend, identities)[0]?.subject === own.subject
}

function inChainOrder(chain: BackendOrder, identities: readonly UserIdentity[], own: Attributes): Attributes[] {
  const configured = chain.flatMap(({ id, type }) => (type === localType ? [own] : valuesOf(id, identities)))
  const ids = new Set(chain.map(({ id }) => id))
  const gone = identities.filter(({ backend }) => !ids.has(backend)).map(({ backend }) => backend)
  const left = [...new Set(gone)].sort().flatMap((id) => valuesOf(id, identities))
  return chain.some(({ type }) => type === localType) ? [...configured, ...left] : [...configured, own, ...left]
}

const valuesOf = (backend: string, identities: readonly UserIdentity[]): Attributes[] =>
  identitiesAt(backend, identities).map(({ attributes }) => attributes)

/** Of several accounts at one backend the order of their subjects decides: whichever logs in, the same one is first. */
const identitiesAt = (backend: string, identities: readonly UserIdentity[]): UserIdentity[] =>
  identities.filter((identity) => identity.backend === backend).sort((a, b) => (a.subject < b.subject ? -1 : 1))
