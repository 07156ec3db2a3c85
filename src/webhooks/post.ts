import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { Pool } from 'undici'
import { isPublic } from '../remote/addresses.ts'
import { checkedLookup, PrivateAddress } from '../remote/checked-lookup.ts'
import type { Endpoint } from './endpoint.ts'
import { retryAfterMs } from './schedule.ts'

/** How a try ended. `error`: why there was no good answer, in a word. */
export interface Answer {
  readonly status: number | null
  readonly error: string | null
  /** What the receiver asked for. */
  readonly retryAfterMs: number
}

/** One endpoint, over warm connections. */
export interface Line {
  /** Posts a body; an answer comes within the time or not at all, and is never thrown. */
  post(headers: Record<string, string>, body: string, signal: AbortSignal): Promise<Answer>
  close(): Promise<void>
}

const connectMs = 5_000
const maxConnections = 10
/** Nobody reads what a receiver says; so much of it is let through to keep the connection. */
const maxAnswerBytes = 16 * 1024

/**
 * Connects at the first message, and only to addresses that are public or allowed. The very address that was checked is
 * connected to: a name that is looked up twice may change in between.
 */
export function openLine(
  { url: text, timeoutMs }: Endpoint,
  isAllowed: (address: string) => boolean,
  options: { readonly resolve?: typeof lookup; readonly now?: () => number } = {}
): Line {
  const { resolve = lookup, now = Date.now } = options
  const url = new URL(text)
  const path = `${url.pathname}${url.search}`
  const mayReach = (address: string): boolean => isPublic(address) || isAllowed(address)
  let opened: Promise<Pool> | undefined
  return {
    async post(headers, body, signal) {
      opened ??= openPool(url, checkedLookup(resolve, mayReach), mayReach)
      const { within, done } = limited(signal, timeoutMs)
      try {
        const answer = await (await opened).request({ path, method: 'POST', headers, body, signal: within })
        // the status is all that counts: whatever comes behind it changes nothing
        await answer.body.dump({ limit: maxAnswerBytes, signal: within }).catch(() => {})
        return answerOf(answer.statusCode, answer.headers['retry-after'], now())
      } catch (error) {
        return { status: null, error: wordOf(error, within), retryAfterMs: 0 }
      } finally {
        done()
      }
    },
    close: async () => (await opened)?.destroy()
  }
}

/** A signal that aborts with another and after a time, until it is done: `AbortSignal.any` and `.timeout` leave it to the collector. */
function limited(signal: AbortSignal, ms: number): { readonly within: AbortSignal; done(): void } {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  const timer = setTimeout(abort, ms)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  const done = (): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
  return { within: controller.signal, done }
}

function answerOf(status: number, retryAfter: unknown, now: number): Answer {
  if (status >= 200 && status < 300) return { status, error: null, retryAfterMs: 0 }
  const error = status >= 300 && status < 400 ? 'redirect' : 'status'
  return { status, error, retryAfterMs: retryAfterMs(retryAfter, now) }
}

async function openPool(url: URL, lookup: LookupFunction, mayReach: (address: string) => boolean): Promise<Pool> {
  const { buildConnector, Pool } = await import('undici')
  const connector = buildConnector({ timeout: connectMs, allowH2: false, lookup })
  const connect: typeof connector = (target, done) => {
    const host = target.hostname.replace(/^\[(.*)\]$/, '$1')
    // an address is not looked up
    if (isIP(host) !== 0 && !mayReach(host)) return done(new PrivateAddress(), null)
    connector(target, done)
  }
  return new Pool(url.origin, { connect, connections: maxConnections, pipelining: 1, allowH2: false })
}

const words: Readonly<Record<string, string>> = {
  PRIVATE_ADDRESS: 'private-address',
  ECONNREFUSED: 'connection-refused',
  ECONNRESET: 'connection-reset',
  EPIPE: 'connection-reset',
  UND_ERR_SOCKET: 'connection-reset',
  ENOTFOUND: 'name-not-found',
  EAI_AGAIN: 'name-not-found',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout'
}

function wordOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'timeout'
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(code)) return 'tls'
  if (error instanceof Error && error.name === 'HTTPParserError') return 'protocol'
  return words[code] ?? 'unreachable'
}
