import type { Deadline } from './deadline.ts'

/** What happened, and what to do about it. */
export interface Advice {
  readonly text: string
  readonly remedy: string
}

/** Does a step, and tells how it went where somebody wants to know; costs nothing where nobody does. */
export const traced = async <T>(
  { trace }: Deadline,
  step: string,
  work: () => Promise<T>,
  say: { ok: (value: T) => string; failed: (error: unknown) => Advice | Promise<Advice> }
): Promise<T> => {
  if (trace === undefined) return work()
  const began = performance.now()
  try {
    const value = await work()
    trace({ step, outcome: 'ok', text: say.ok(value), ms: performance.now() - began })
    return value
  } catch (error) {
    const ms = performance.now() - began
    trace({ step, outcome: 'failed', ...(await say.failed(error)), ms })
    throw error
  }
}
