import { createBreaker, passThrough } from './breaker.ts'
import type { BackendDefinition, BackendTools } from './define-backend.ts'
import { namesIn } from './email.ts'
import { withFieldNames } from './field-names.ts'
import type { Chain, Link, LinkPolicy } from './link.ts'

/** A backend as it is configured. */
export interface ChainEntry {
  readonly policy: LinkPolicy
  readonly definition: BackendDefinition
  readonly options: unknown
}

/** Opens the backends in their order, all or none; none of them is asked anything yet. */
export function openChain(entries: readonly ChainEntry[], tools: BackendTools): Chain {
  const chain: Link[] = []
  try {
    for (const { policy, definition, options } of entries) {
      const sourceNames = namesIn(policy.email.fallback ?? '').filter((name) => name !== 'username')
      const opened = definition.open(policy.id, options, { ...tools, sourceNames })
      const backend = withFieldNames(opened, policy.attributes ?? {}, tools.userFields)
      const { availability } = backend
      chain.push({ ...policy, backend, breaker: availability ? passThrough(availability) : createBreaker() })
    }
  } catch (error) {
    void closeChain(chain)
    throw error
  }
  return chain
}

/** Closes all backends, whatever one of them throws. */
export async function closeChain(chain: Chain): Promise<void> {
  await Promise.allSettled(chain.map(({ backend }) => backend.close?.()))
}
