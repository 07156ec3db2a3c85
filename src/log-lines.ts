import { pino } from 'pino'

/** Pino's isoTime, which many lines of one moment share. */
export function createClock(): () => string {
  let at = 0
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== at) {
      at = now
      text = `,"time":"${new Date(now).toISOString()}"`
    }
    return text
  }
}

/** How a line says that a request was answered; within a value the quotes would be escaped. */
const ofRequest = '"event":"request"'
/** Where that stands in a line, at most; behind the time and the request's id. */
const foremost = 160
const heldMs = 10
const heldCharacters = 4096
/** A pipe takes as much at once; what it does not is lost where the process ends meanwhile. */
const mostCharacters = 16_384

/**
 * Standard output, written to in a thread. To wake one takes as long as the rest of a short request does: lines about requests, which
 * come after the answer anyway, are held for a moment and written with others. All else goes out at once, what is committed together
 * in one write, and before its answers do.
 */
export function createLines() {
  let held = ''
  let timer: NodeJS.Timeout | undefined
  let isLeaving = false
  const letGo = (): void => {
    clearTimeout(timer)
    timer = undefined
    isLeaving = false
    const all = held
    held = ''
    if (all !== '') output.write(all)
  }
  // before the output's own end
  process.once('exit', letGo)
  const output = pino.destination({ sync: false })
  return {
    write(line: string): void {
      const mayWait = line.lastIndexOf(ofRequest, foremost) >= 0 && held.length < heldCharacters
      held += line
      if (mayWait) timer ??= setTimeout(letGo, heldMs)
      else if (held.length >= mostCharacters) letGo()
      else if (!isLeaving) {
        isLeaving = true
        queueMicrotask(letGo)
      }
    },
    flushSync(): void {
      letGo()
      output.flushSync()
    }
  }
}
