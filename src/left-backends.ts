import type { Log } from './auth/ports.ts'
import type { Config } from './config/config.ts'
import type { Generation } from './generation.ts'

const atOnce = 200

/**
 * Ends the sessions of backends that a configuration has no longer, and their access tokens: where such a backend comes back,
 * everybody logs in anew. Until it is done, nobody is let in by one of them, either.
 */
export async function endSessionsOfLeft(
  before: Config,
  { config, parts }: Generation,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal }
): Promise<void> {
  const kept = new Set(config.backends.map(({ policy }) => policy.id))
  const backends = before.backends.map(({ policy }) => policy.id).filter((id) => !kept.has(id))
  if (backends.length === 0) return
  const { sessions } = parts
  let cursor: string | undefined
  do {
    const page = await sessions.store.list({ backends, limit: atOnce, ...(cursor === undefined ? {} : { cursor }) })
    for (const session of page) {
      // what is left is ended by whoever presents it
      if (signal.aborted) return
      await sessions.end(session, 'its backend left the configuration', log)
    }
    cursor = page.at(-1)?.id
  } while (cursor !== undefined)
}
