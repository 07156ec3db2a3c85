import { createSocket } from 'node:dgram'
import { getServers, setServers } from 'node:dns'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import type { SrvRecord } from '../../src/backends/ldap/connections/srv.ts'

/** A DNS server that knows SRV records (RFC 2782) and nothing else; this process asks it from now on. */
export interface Dns {
  /** `undefined`: it gives no answer at all. A name without records does not exist. */
  set(records: Readonly<Record<string, readonly SrvRecord[]>> | undefined): void
  /** The names that were asked for. */
  asked(): readonly string[]
}

const headerBytes = 12
const types = { srv: 33 } as const
const codes = { ok: 0x8180, noSuchName: 0x8183 } as const

const name = (host: string): Buffer =>
  Buffer.concat([
    ...host.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0])
  ])

/** The first question of a message: its name, and its bytes. */
const questionIn = (message: Buffer) => {
  const labels: string[] = []
  let at = headerBytes
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), bytes: message.subarray(headerBytes, at + 5) }
}

const answerOf = ({ priority, weight, port, name: target }: SrvRecord): Buffer => {
  const data = Buffer.concat([Buffer.alloc(6), name(target)])
  data.writeUInt16BE(priority, 0)
  data.writeUInt16BE(weight, 2)
  data.writeUInt16BE(port, 4)
  const head = Buffer.alloc(headerBytes)
  head.writeUInt16BE(0xc000 + headerBytes, 0)
  head.writeUInt16BE(types.srv, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

/** Starts it; Node's own servers are back when the test ends. */
export async function startDns(t: { teardown(end: () => unknown): unknown }): Promise<Dns> {
  let known: Readonly<Record<string, readonly SrvRecord[]>> | undefined = {}
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const question = questionIn(message)
    asked.push(question.name)
    if (known === undefined) return
    const records = known[question.name]
    const head = Buffer.alloc(headerBytes)
    message.copy(head, 0, 0, 2)
    head.writeUInt16BE(records ? codes.ok : codes.noSuchName, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(records?.length ?? 0, 6)
    socket.send(Buffer.concat([head, question.bytes, ...(records ?? []).map(answerOf)]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const before = getServers()
  const use = (servers: readonly string[]): void => {
    setServers(servers)
    // The functions of node:dns/promises are bound to the servers of the moment.
    syncBuiltinESMExports()
  }
  use([`127.0.0.1:${socket.address().port}`])
  t.teardown(() => {
    use(before)
    socket.close()
  })
  return {
    set(records) {
      known = records
    },
    asked: () => asked
  }
}
