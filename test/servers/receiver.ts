import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

/** A message as a webhook received it. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly at: number
}

/** A receiver of webhooks that answers as it is told. */
export interface Receiver {
  readonly port: number
  readonly url: string
  readonly received: Received[]
  /** From now on. */
  answer(how: (response: ServerResponse, message: Received) => unknown): void
  /** Waits until so many came. */
  got(count: number): Promise<readonly Received[]>
}

/** Starts a receiver that answers 204; it ends with the test. */
export async function startReceiver(t: { teardown(end: () => unknown): unknown }): Promise<Receiver> {
  const received: Received[] = []
  let how: (response: ServerResponse, message: Received) => unknown = (response) => response.writeHead(204).end()
  const waiting = new Set<() => void>()
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => '')
    const message = { path: request.url ?? '', headers: request.headers, body, at: Date.now() }
    received.push(message)
    for (const wake of waiting) wake()
    await how(response, message)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}/hook`,
    received,
    answer(next) {
      how = next
    },
    got: (count) =>
      new Promise((resolve, reject) => {
        const late = () => reject(new Error(`${received.length} of ${count} messages came`))
        const timer = setTimeout(late, 20_000)
        const look = () => {
          if (received.length < count) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(received)
        }
        waiting.add(look)
        look()
      })
  }
}
