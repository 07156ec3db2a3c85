import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { berCursor, enter, nextTag, takeInteger } from '../../src/backends/ldap/connections/ber.ts'
import { createFraming } from '../../src/backends/ldap/connections/messages.ts'

/** One BER element. */
export const element = (tag: number, ...content: readonly (Buffer | string | number)[]): Buffer => {
  const body = Buffer.concat(
    content.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part)))
  )
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

export const requests = { bind: 0x60, search: 0x63, extended: 0x77, unbind: 0x42 } as const

/** A whole message of the server, with a control if one is given. */
export const message = (id: number, operation: Buffer, control?: readonly [oid: string, value: Buffer]): Buffer => {
  const [oid, value] = control ?? []
  const controls = oid && value ? [element(0xa0, element(0x30, element(0x04, oid), element(0x04, value)))] : []
  return element(0x30, element(0x02, id), operation, ...controls)
}

/** An operation's end, with its result code. */
export const result = (tag: 0x61 | 0x65 | 0x78, code: number, diagnostic = ''): Buffer =>
  element(tag, element(0x0a, code), element(0x04), element(0x04, diagnostic))

/** A search result entry. */
export const entry = (dn: string, attributes: Readonly<Record<string, readonly (string | Buffer)[]>>): Buffer =>
  element(
    0x64,
    element(0x04, dn),
    element(
      0x30,
      ...Object.entries(attributes).map(([name, values]) =>
        element(0x30, element(0x04, name), element(0x31, ...values.map((value) => element(0x04, value))))
      )
    )
  )

/** A request as the mock sees it, and how it answers. */
export interface MockRequest {
  readonly id: number
  readonly operation: number
  readonly bytes: Buffer
  readonly socket: Socket
  answer(...operations: readonly Buffer[]): void
}

/** A server that says whatever a test wants, and remembers every byte that it was sent. */
export interface LdapMock {
  readonly url: string
  received(): Buffer
  /** How many connections there were. */
  connections(): number
}

export async function startLdapMock(
  t: { teardown(end: () => unknown): unknown },
  onRequest: (request: MockRequest) => void
): Promise<LdapMock> {
  const received: Buffer[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    const framing = createFraming((bytes) => {
      const cursor = berCursor(bytes)
      const id = takeInteger(cursor, 0x02)
      const operation = nextTag(cursor) ?? 0
      if (operation !== requests.unbind) enter(cursor)
      const answer = (...operations: readonly Buffer[]) =>
        socket.write(Buffer.concat(operations.map((operation) => message(id, operation))))
      onRequest({ id, operation, bytes, socket, answer })
    })
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received.push(chunk)
      try {
        framing.push(chunk)
      } catch {
        // A ClientHello is no LDAP message; it is kept with all else.
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `ldap://127.0.0.1:${address.port}`,
    received: () => Buffer.concat(received),
    connections: () => connections
  }
}
