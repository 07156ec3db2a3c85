import { Refused } from './refused.ts'

/** Whether somebody sits there who can be asked. */
export const canAsk = (): boolean => Boolean(process.stdin.isTTY && process.stdout.isTTY)

/**
 * The answer to one question of `@clack/prompts`. Ctrl+D gives up as Ctrl+C does: it ends what the package reads keys from,
 * and the package would wait for ever.
 * @throws {Refused} whoever is asked gives up
 */
export async function asked(question: (common: { signal: AbortSignal }) => Promise<unknown>): Promise<string> {
  const givenUp = new AbortController()
  let isAnswered = false
  // After an answer the keys are read no further either, and the answer is there before this turn ends.
  const ended = (): void => void setImmediate(() => !isAnswered && givenUp.abort())
  process.stdin.once('pause', ended)
  try {
    const answer = await question({ signal: givenUp.signal })
    isAnswered = true
    const { isCancel } = await import('@clack/prompts')
    if (isCancel(answer)) throw new Refused('cancelled')
    return typeof answer === 'string' ? answer : ''
  } finally {
    process.stdin.off('pause', ended)
  }
}
