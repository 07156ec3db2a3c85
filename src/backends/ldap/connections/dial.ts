import { isIP, connect as netConnect, type Socket } from 'node:net'
import { checkServerIdentity, type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls'
import { type Deadline, watch } from './deadline.ts'
import { LdapFailure } from './failure.ts'
import type { ServerAddress } from './server-url.ts'
import { createSession, type Session } from './session.ts'

/** How connections to one server are made. */
export interface DialOptions {
  readonly address: ServerAddress
  readonly startTls: boolean
  /** Made anew for each connection, so that renewed certificate files are seen. */
  readonly secureContext: () => Promise<SecureContext>
  /** The name that the certificate must carry, where it is not the URL's host. */
  readonly serverName: string | undefined
}

const socketReady = (
  socket: Socket,
  event: 'connect' | 'secureConnect',
  reason: 'connect' | 'tls',
  deadline: Deadline
) =>
  new Promise<void>((resolve, reject) => {
    const settle = (failure?: LdapFailure) => {
      unwatch()
      socket.off(event, onReady).off('error', onError).off('close', onClose)
      if (failure === undefined) return resolve()
      socket.destroy()
      return reject(failure)
    }
    const onReady = () => settle()
    const onError = (cause: Error) => settle(new LdapFailure(reason, `${reason} failed: ${cause.message}`, { cause }))
    const onClose = () => settle(new LdapFailure(reason, `${reason} failed: closed by the server`))
    const unwatch = watch(deadline, settle)
    // An error between this and the session's own listeners, or while it dies, must not end the process.
    socket.on('error', () => undefined)
    socket.once(event, onReady).once('error', onError).once('close', onClose)
  })

const openTcp = async ({ host, port, path }: ServerAddress, deadline: Deadline): Promise<Socket> => {
  const socket = netConnect(path === undefined ? { host, port, noDelay: true } : { path })
  await socketReady(socket, 'connect', 'connect', deadline)
  socket.setKeepAlive(true, 30_000)
  return socket
}

const upgrade = async (plain: Socket, options: DialOptions, secureContext: SecureContext, deadline: Deadline) => {
  const name = options.serverName ?? options.address.host
  const socket: TLSSocket = tlsConnect({
    socket: plain,
    secureContext,
    // Node would take the host of the socket, or localhost, for the name; and NODE_TLS_REJECT_UNAUTHORIZED for an answer.
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: true,
    ...(isIP(name) === 0 ? { servername: name } : {})
  })
  await socketReady(socket, 'secureConnect', 'tls', deadline)
  return socket
}

/**
 * Opens one session: TCP or Unix socket, then TLS at once or by StartTLS. Where TLS was asked for, a session is
 * returned only when it is there and the certificate was verified.
 */
export const dial = async (options: DialOptions, onEnd: () => void, deadline: Deadline): Promise<Session> => {
  const { address, startTls } = options
  const encrypted = startTls || address.scheme === 'ldaps'
  const secureContext = encrypted ? await options.secureContext() : undefined
  const tcp = await openTcp(address, deadline)
  if (secureContext === undefined) return createSession(tcp, onEnd)
  if (!startTls) return createSession(await upgrade(tcp, options, secureContext, deadline), onEnd)
  const session = createSession(tcp, onEnd)
  await session.startTls((plain) => upgrade(plain, options, secureContext, deadline), deadline)
  return session
}
