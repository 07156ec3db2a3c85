import { createHash } from 'node:crypto'
import type { Log, SingleUse } from './auth/ports.ts'
import type { UsedAssertions } from './clients/client-store.ts'

const forgetEveryMs = 60_000
const forgetAtOnce = 500

/** Counts tokens that are good once, over all replicas, and forgets them when they have expired. */
export function createSingleUse({
  used,
  log,
  now
}: {
  readonly used: UsedAssertions
  readonly log: Log
  readonly now: () => number
}): SingleUse {
  let forgottenAt = now()

  const forgetExpired = async (): Promise<void> => {
    if (now() - forgottenAt < forgetEveryMs) return
    forgottenAt = now()
    while ((await used.forget(now(), forgetAtOnce)) === forgetAtOnce);
  }

  return {
    use(owner, id, expiresAt) {
      forgetExpired().catch((err) => log.warn({ err }, 'used assertions could not be removed'))
      return used.use(digestOf(`${owner} ${id}`), expiresAt)
    },
    wasUsed: (owner, id) => used.isUsed(digestOf(`${owner} ${id}`))
  }
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')
