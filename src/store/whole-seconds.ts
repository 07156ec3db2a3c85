import { setTimeout as sleep } from 'node:timers/promises'

/** From when tokens live that are issued after a moment which ends all others: `iat` counts whole seconds. */
export const secondAfter = (at: number): number => Math.ceil((at + 1) / 1000) * 1000

/** Waits for such a second, so that whoever logs in once this is answered gets a token that lives. */
export async function untilSecond(from: number): Promise<void> {
  const left = from - Date.now()
  if (left > 0) await sleep(Math.min(left, 1000))
}
