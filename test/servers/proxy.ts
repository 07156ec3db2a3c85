import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * What the proxy does with what goes through it: passes it on; holds answers back for some time; swallows everything;
 * resets connections; sends half of the next answer and then nothing more; lets so many bytes through a second; answers
 * with other bytes.
 */
export type Fault =
  | { readonly kind: 'pass' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'drop' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'half' }
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  | { readonly kind: 'garbage'; readonly bytes: string }

/** A TCP proxy that breaks connections as networks do. */
export interface FaultProxy {
  readonly port: number
  /** From now on, for the connections that are there and for new ones. */
  set(fault: Fault): void
  /** How many connections there are, and how many there were. */
  connections(): { readonly open: number; readonly total: number }
}

const tickMs = 20

/** Passes slices on, so many bytes a second. */
const throttled = (to: Socket, chunk: Buffer, bytesPerSecond: number): void => {
  const size = Math.max(1, Math.round((bytesPerSecond * tickMs) / 1000))
  let at = 0
  const next = () => {
    if (to.destroyed || at >= chunk.length) return
    to.write(chunk.subarray(at, at + size))
    at += size
    setTimeout(next, tickMs)
  }
  next()
}

/** Starts a proxy in front of a server on the loopback address; it ends with the test. */
export async function startProxy(
  t: { teardown(end: () => unknown): unknown },
  targetPort: number
): Promise<FaultProxy> {
  let fault: Fault = { kind: 'pass' }
  let total = 0
  const pairs = new Set<readonly [client: Socket, target: Socket]>()
  const silent = new WeakSet<Socket>()

  const deliver = (client: Socket, chunk: Buffer): void => {
    if (client.destroyed || silent.has(client)) return
    switch (fault.kind) {
      case 'delay':
        setTimeout(() => client.destroyed || client.write(chunk), fault.ms)
        return
      case 'drop':
        return
      case 'reset':
        client.resetAndDestroy()
        return
      case 'half':
        silent.add(client)
        client.write(chunk.subarray(0, Math.ceil(chunk.length / 2)))
        return
      case 'throttle':
        throttled(client, chunk, fault.bytesPerSecond)
        return
      case 'garbage':
        client.write(fault.bytes)
        return
      default:
        client.write(chunk)
    }
  }

  const server = createServer((client) => {
    total += 1
    const target = connect(targetPort, '127.0.0.1')
    const pair = [client, target] as const
    pairs.add(pair)
    for (const [socket, other] of [pair, [target, client] as const]) {
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        pairs.delete(pair)
        other.destroy()
      })
    }
    client.on('data', (chunk) => {
      if (fault.kind === 'reset') client.resetAndDestroy()
      else if (fault.kind !== 'drop') target.write(chunk)
    })
    target.on('data', (chunk) => deliver(client, chunk))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const [client, target] of pairs) {
      client.destroy()
      target.destroy()
    }
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    set(next) {
      fault = next
      if (next.kind === 'reset') for (const [client] of pairs) client.resetAndDestroy()
    },
    connections: () => ({ open: pairs.size, total })
  }
}
