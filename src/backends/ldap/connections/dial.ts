import type { X509Certificate } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIP, connect as netConnect, type Socket } from 'node:net'
import { type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls'
import { adviceOnDns, adviceOnTcp, adviceOnTls } from './advice.ts'
import { certificateMistake, factsOf } from './certificate.ts'
import { type Deadline, watch } from './deadline.ts'
import { LdapFailure } from './failure.ts'
import type { ServerAddress } from './server-url.ts'
import { createSession, type Session } from './session.ts'
import { traced } from './trace.ts'

/** How connections to one server are made. */
export interface DialOptions {
  readonly address: ServerAddress
  readonly startTls: boolean
  /** Made anew for each connection, so that renewed certificate files are seen. */
  readonly secureContext: () => Promise<SecureContext>
  /** The name that the certificate must carry, where it is not the URL's host. */
  readonly serverName: string | undefined
  /** SHA-256 of the public keys that its certificate may have; none: any. */
  readonly pins: readonly string[]
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

const certificateName = ({ serverName, address }: DialOptions): string => serverName ?? address.host

const upgrade = async (plain: Socket, options: DialOptions, secureContext: SecureContext, deadline: Deadline) => {
  const name = certificateName(options)
  const socket: TLSSocket = tlsConnect({
    socket: plain,
    secureContext,
    // Node would take the host of the socket, or localhost, for the name; and NODE_TLS_REJECT_UNAUTHORIZED for an answer.
    checkServerIdentity: (_host, certificate) => certificateMistake(name, certificate, options.pins),
    rejectUnauthorized: true,
    ...(isIP(name) === 0 ? { servername: name } : {})
  })
  await socketReady(socket, 'secureConnect', 'tls', deadline)
  return socket
}

/** The certificate that a server shows, trusted or not: looked at on a connection that is used for nothing else. */
const lookAtCertificate = async (
  options: DialOptions,
  secureContext: SecureContext,
  deadline: Deadline
): Promise<X509Certificate | undefined> => {
  let seen: X509Certificate | undefined
  const name = certificateName(options)
  const look = async (socket: Socket): Promise<never> => {
    const servername = isIP(name) === 0 ? { servername: name } : {}
    const looking = tlsConnect({ socket, secureContext, rejectUnauthorized: false, ...servername })
    await socketReady(looking, 'secureConnect', 'tls', deadline)
    seen = looking.getPeerX509Certificate()
    looking.destroy()
    throw new LdapFailure('closed', 'only looked at')
  }
  try {
    const tcp = await openTcp(options.address, deadline)
    if (!options.startTls) await look(tcp)
    await createSession(tcp, () => undefined).startTls(look, deadline)
  } catch {
    // Whatever hinders it is told by the connection that failed.
  }
  return seen
}

const resolveFor = async ({ host, path }: ServerAddress, deadline: Deadline): Promise<void> => {
  if (deadline.trace === undefined || path !== undefined || isIP(host) !== 0) return
  await traced(deadline, 'dns', () => lookup(host, { all: true }).catch(asConnectFailure), {
    ok: (found) => `${host} is ${found.map(({ address }) => address).join(', ')}`,
    failed: (error) => adviceOnDns(host, error)
  })
}

const asConnectFailure = (cause: Error): never => {
  throw new LdapFailure('connect', `connect failed: ${cause.message}`, { cause })
}

const encrypt = (options: DialOptions, deadline: Deadline, work: (context: SecureContext) => Promise<Session>) => {
  let context: SecureContext | undefined
  const run = async () => {
    context = await options.secureContext()
    return work(context)
  }
  return traced(deadline, 'tls', run, {
    ok: ({ encryption }) => {
      const facts = encryption?.certificate && factsOf(encryption.certificate)
      if (facts === undefined) return `${encryption?.protocol}`
      const until = facts.validTo.toISOString().slice(0, 10)
      return `${encryption?.protocol}, certificate for ${facts.names} by ${facts.issuer}, good until ${until}, pin ${facts.pin}`
    },
    failed: async (error) => {
      const seen = context && (await lookAtCertificate(options, context, deadline))
      return adviceOnTls(error, options, seen && factsOf(seen))
    }
  })
}

/**
 * Opens one session: TCP or Unix socket, then TLS at once or by StartTLS. Where TLS was asked for, a session is
 * returned only when it is there and the certificate was verified.
 */
export const dial = async (options: DialOptions, onEnd: () => void, deadline: Deadline): Promise<Session> => {
  const { address, startTls } = options
  await resolveFor(address, deadline)
  const tcp = await traced(deadline, 'tcp', () => openTcp(address, deadline), {
    ok: () => `connected to ${address.path ?? `${address.host} port ${address.port}`}`,
    failed: (error) => adviceOnTcp(address, error)
  })
  if (!startTls && address.scheme !== 'ldaps') return createSession(tcp, onEnd)
  try {
    return await encrypt(options, deadline, async (context) => {
      if (!startTls) return createSession(await upgrade(tcp, options, context, deadline), onEnd)
      const session = createSession(tcp, onEnd)
      await session.startTls((plain) => upgrade(plain, options, context, deadline), deadline)
      return session
    })
  } catch (error) {
    tcp.destroy()
    throw error
  }
}
