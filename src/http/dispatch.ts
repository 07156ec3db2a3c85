import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from './server.ts'

/** Sends each request of one server to the app of its moment; what is under way ends where it began. */
export interface Dispatcher {
  handle(request: IncomingMessage, response: ServerResponse): void
  /** From now on requests go here. Resolves when those before have ended, or their time is over. */
  switchTo(app: App, patienceMs: number): Promise<void>
}

interface Turn {
  readonly route: App['routing']
  running: number
  ended?: () => void
}

/** A dispatcher that knows no app yet. */
export function createDispatcher(): Dispatcher {
  let current: Turn | undefined
  return {
    handle(request, response) {
      const turn = current
      if (turn === undefined) return void response.writeHead(503).end()
      turn.running++
      response.once('close', () => {
        turn.running--
        if (turn.running === 0) turn.ended?.()
      })
      turn.route(request, response)
    },
    async switchTo(app, patienceMs) {
      const before = current
      current = { route: app.routing.bind(app), running: 0 }
      if (before === undefined || before.running === 0) return
      const ended = new Promise<void>((resolve) => {
        before.ended = resolve
      })
      const abort = new AbortController()
      await Promise.race([ended, sleep(patienceMs, undefined, { signal: abort.signal, ref: false }).catch(() => {})])
      abort.abort()
    }
  }
}
