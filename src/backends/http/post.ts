import type { Dispatcher, Pool } from 'undici'
import type { BackendContext } from '../../auth/backend.ts'
import { secureContextReader } from '../secure-context.ts'
import { failureOf, HttpFailure } from './failure.ts'
import type { HttpOptions } from './options.ts'
import { signatureOf } from './signature.ts'

/** What the service said: a status, and the object that came with it, if any did. */
export interface ServiceAnswer {
  readonly status: number
  readonly body: object | undefined
}

/** The service, over warm connections. */
export interface Service {
  /** @throws {HttpFailure} there was no whole answer, or none that can be read */
  post(question: object, context: BackendContext): Promise<ServiceAnswer>
  close(): Promise<void>
}

const maxAnswerBytes = 64 * 1024
const maxConnections = 64
const connectMs = 5_000
const json = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

/**
 * Connects at the first question. Answers come whole and within the time or not at all, are at most 64 KiB, never compressed,
 * and lead nowhere else: redirects are not followed.
 */
export function openService(options: HttpOptions, baseFolder: string, now: () => number = Date.now): Service {
  const url = new URL(options.url)
  let opened: Promise<Pool> | undefined
  const pool = (): Promise<Pool> => {
    opened ??= openPool(url, options, baseFolder)
    return opened
  }
  const path = `${url.pathname}${url.search}`

  const request = async (question: object, context: BackendContext): Promise<Dispatcher.ResponseData> => {
    const { signal, traceHeaders } = context
    const body = JSON.stringify(question)
    const signature = options.secret === undefined ? {} : signatureOf(options.secret, body, now())
    const headers = {
      ...traceHeaders,
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      ...signature
    }
    return (await pool()).request({ path, method: 'POST', headers, body, signal })
  }

  return {
    async post(question, context) {
      try {
        const { statusCode, headers, body } = await request(question, context)
        const bytes = await body.arrayBuffer()
        return { status: statusCode, body: isVerdict(statusCode) ? objectIn(bytes, headers) : undefined }
      } catch (error) {
        throw failureOf(error, context.signal.aborted)
      }
    },
    close: async () => (await opened)?.destroy()
  }
}

const isVerdict = (status: number): boolean => [200, 401, 403, 404, 423].includes(status)

async function openPool(url: URL, { tls = {} }: HttpOptions, baseFolder: string): Promise<Pool> {
  const { buildConnector, Pool } = await import('undici')
  const { ca, cert, key, minVersion, serverName } = tls
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), ...(minVersion && { minVersion }) }
  const secureContext = secureContextReader(files, baseFolder, (text, cause) => new HttpFailure('tls', text, cause))
  const named = serverName === undefined ? {} : { servername: serverName }
  const connect: ReturnType<typeof buildConnector> = (target, done) => {
    const dial = async () => {
      const settings = url.protocol === 'https:' ? { secureContext: await secureContext(), ...named } : {}
      return buildConnector({ timeout: connectMs, allowH2: false, ...settings })
    }
    dial().then(
      (connector) => connector(target, done),
      (error) => done(error, null)
    )
  }
  return new Pool(url.origin, {
    connect,
    connections: maxConnections,
    pipelining: 1,
    allowH2: false,
    maxResponseSize: maxAnswerBytes
  })
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** An error page of something in between is no verdict, whatever its status: a verdict says nothing, or is JSON. */
function objectIn(bytes: ArrayBuffer, headers: Dispatcher.ResponseData['headers']): object | undefined {
  if (bytes.byteLength === 0) return undefined
  const { 'content-type': type, 'content-encoding': encoding = 'identity' } = headers
  if (typeof type !== 'string' || !json.test(type))
    throw new HttpFailure('protocol', 'the answer is not application/json')
  if (encoding !== 'identity') throw new HttpFailure('protocol', 'the answer is compressed, which nobody asked for')
  const value = parsed(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HttpFailure('protocol', 'the answer is no JSON object')
  return value
}

function parsed(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    throw new HttpFailure('protocol', 'the answer is not JSON in UTF-8')
  }
}
