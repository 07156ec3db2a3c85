import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import {
  BindRequest,
  ExtendedRequest,
  type Filter,
  PagedResultsControl,
  PasswordPolicyControl,
  SearchRequest,
  UnbindRequest
} from 'ldapts'
import { type Line, leave } from '../../../line.ts'
import { type Deadline, watch } from './deadline.ts'
import { LdapFailure } from './failure.ts'
import { createFraming, decode, type Entry, operations, pageCookie, type Result } from './messages.ts'
import { codes } from './result-codes.ts'

/** A question to the directory. */
export interface SearchQuery {
  readonly base: string
  readonly scope: 'base' | 'one' | 'sub'
  readonly filter: Filter
  readonly attributes: readonly string[]
  /** More entries than this are answered with sizeLimitExceeded. */
  readonly sizeLimit: number
  /** Asks for the entries in pages of this size (RFC 2696). */
  readonly pageSize?: number
}

/** What came back, size-limit answers among them: the caller knows what a cut list means. */
export interface SearchAnswer {
  readonly result: Result
  readonly entries: readonly Entry[]
  /** Continuation references (RFC 4511 4.5.3): counted, never followed. */
  readonly references: number
}

/**
 * One connection to one server, for as long as it lives. It never reconnects: any error, time-out or close ends it
 * for good, and what is still waited for fails with it.
 */
export interface Session {
  readonly alive: boolean
  /** The version of TLS and the server's certificate, where there is TLS. */
  readonly encryption: { readonly protocol: string; readonly certificate: X509Certificate | undefined } | undefined
  search(query: SearchQuery, deadline: Deadline): Promise<SearchAnswer>
  /** Simple bind, with the password policy's control. An empty DN or password, or one with NUL in it, is answered here and never sent (RFC 4513 5.1.2). */
  bind(dn: string, password: string, deadline: Deadline): Promise<Result>
  /** Any other request; `operation` is the tag of its answer. */
  request(operation: number, encode: (id: number) => Buffer, deadline: Deadline): Promise<Result>
  /** StartTLS (RFC 4511 4.14): `upgrade` makes the TLS socket on the plain one. */
  startTls(upgrade: (plain: Socket) => Promise<TLSSocket>, deadline: Deadline): Promise<void>
  end(): void
}

interface Pending {
  readonly id: number
  readonly operation: number
  readonly entries: Entry[]
  references: number
  resolve(answer: SearchAnswer): void
  reject(failure: LdapFailure): void
}

const startTlsOid = '1.3.6.1.4.1.1466.20037'
const neverSent: Result = { code: codes.invalidCredentials, diagnostic: 'not sent', controls: new Map() }
const tooMany: Result = { code: codes.sizeLimitExceeded, diagnostic: 'more than were asked for', controls: new Map() }
const isSendable = (secret: string): boolean => secret !== '' && !secret.includes('\0')

/** RFC 4511 4.4.1: message 0 is a notice of disconnection; any other that was not asked for is nonsense. */
const unexpected = (id: number): LdapFailure =>
  id === 0
    ? new LdapFailure('closed', 'the server ended the session')
    : new LdapFailure('protocol', 'an answer to nobody')

/** @param onEnd called once, when the session has ended for whatever reason */
export const createSession = (initial: Socket, onEnd: () => void): Session => {
  let socket = initial
  let ended: LdapFailure | undefined
  let lastId = 0
  /** One as a rule; no `Map`, see src/line.ts. */
  const pending: Line<Pending> = []

  const fail = (failure: LdapFailure, destroy: () => void = () => socket.destroy()): void => {
    if (ended) return
    ended = failure
    destroy()
    for (const { reject } of pending.splice(0)) reject(failure)
    onEnd()
  }

  const framing = createFraming((message) => {
    const answer = decode(message)
    const waiting = pending.find(({ id }) => id === answer.id)
    if (waiting === undefined) throw unexpected(answer.id)
    if (answer.kind === 'entry') waiting.entries.push(answer.entry)
    else if (answer.kind === 'reference') waiting.references += 1
    else if (answer.operation !== waiting.operation) throw new LdapFailure('protocol', 'an answer to another question')
    else {
      leave(pending, waiting)
      waiting.resolve({ result: answer.result, entries: waiting.entries, references: waiting.references })
    }
  })

  const onData = (chunk: Buffer): void => {
    try {
      if (!ended) framing.push(chunk)
    } catch (error) {
      fail(error instanceof LdapFailure ? error : new LdapFailure('protocol', 'malformed answer', { cause: error }))
    }
  }
  const attach = (next: Socket): void => {
    socket = next
    socket.on('data', onData)
    socket.on('error', (cause) => fail(new LdapFailure('closed', 'connection lost', { cause })))
    socket.on('close', () => fail(new LdapFailure('closed', 'connection closed')))
    if (socket.destroyed) fail(new LdapFailure('closed', 'connection closed'))
  }
  attach(initial)

  const request = (operation: number, encode: (id: number) => Buffer, deadline: Deadline): Promise<SearchAnswer> =>
    new Promise((resolve, reject) => {
      if (ended) return reject(ended)
      if (deadline.signal.aborted || deadline.remainingMs() <= 0) return reject(new LdapFailure('timeout', 'too late'))
      const id = ++lastId
      const bytes = encode(id)
      const unwatch = watch(deadline, fail)
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          unwatch()
          then(value)
        }
      pending.push({ id, operation, entries: [], references: 0, resolve: settle(resolve), reject: settle(reject) })
      socket.write(bytes)
      return undefined
    })

  const searchOnce = (query: SearchQuery, controls: PagedResultsControl[], deadline: Deadline) => {
    const { base, scope, filter, attributes } = query
    const limits = {
      sizeLimit: controls.length > 0 ? 0 : query.sizeLimit,
      timeLimit: Math.max(1, Math.ceil(deadline.remainingMs() / 1000))
    }
    const fields = { baseDN: base, scope, filter, attributes: [...attributes], ...limits, controls }
    return request(operations.searchDone, (messageId) => new SearchRequest({ messageId, ...fields }).write(), deadline)
  }

  const searchInPages = async (query: SearchQuery, pageSize: number, deadline: Deadline): Promise<SearchAnswer> => {
    const entries: Entry[] = []
    let references = 0
    let cookie: Buffer = Buffer.alloc(0)
    for (;;) {
      const page = await searchOnce(query, [new PagedResultsControl({ value: { size: pageSize, cookie } })], deadline)
      entries.push(...page.entries)
      references += page.references
      cookie = pageCookie(page.result)
      if (entries.length > query.sizeLimit) return { result: tooMany, entries, references }
      if (cookie.length === 0 || page.result.code !== 0) return { result: page.result, entries, references }
    }
  }

  return {
    get alive() {
      return ended === undefined
    },
    get encryption() {
      if (!(socket instanceof TLSSocket)) return undefined
      return { protocol: socket.getProtocol() ?? 'TLS', certificate: socket.getPeerX509Certificate() }
    },
    search: (query, deadline) =>
      query.pageSize === undefined ? searchOnce(query, [], deadline) : searchInPages(query, query.pageSize, deadline),
    async bind(dn, password, deadline) {
      if (dn === '' || !isSendable(password)) return neverSent
      const encode = (messageId: number) =>
        new BindRequest({ messageId, dn, password, controls: [new PasswordPolicyControl()] }).write()
      return (await request(operations.bindResponse, encode, deadline)).result
    },
    request: async (operation, encode, deadline) => (await request(operation, encode, deadline)).result,
    async startTls(upgrade, deadline) {
      const encode = (messageId: number) => new ExtendedRequest({ messageId, oid: startTlsOid }).write()
      const { result } = await request(operations.extendedResponse, encode, deadline)
      if (ended) throw ended
      const plain = socket
      plain.removeAllListeners('data')
      try {
        if (result.code !== 0) throw new LdapFailure('tls', `StartTLS: LDAP result ${result.code}`)
        // What was sent in clear behind the answer must not be taken for what comes encrypted.
        if (framing.pendingBytes() > 0) throw new LdapFailure('tls', 'plain text after the answer to StartTLS')
        attach(await upgrade(plain))
      } catch (error) {
        const failure =
          error instanceof LdapFailure ? error : new LdapFailure('tls', 'StartTLS failed', { cause: error })
        fail(failure)
        throw failure
      }
    },
    end() {
      if (ended) return
      socket.write(new UnbindRequest({ messageId: ++lastId }).write())
      fail(new LdapFailure('closed', 'session ended'), () => socket.destroySoon())
    }
  }
}
