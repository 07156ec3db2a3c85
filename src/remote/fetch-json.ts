import type { ClientRequest, IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'

/** How a document is fetched. */
export interface FetchOptions {
  readonly accept: string
  /** For all of it, from the look-up of the name to the last byte. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Authorities to trust in place of those that Node.js trusts, PEM. */
  readonly ca?: string | Buffer
  /** Looks the name up, where not every address may be reached; a host that is an address is not looked up. */
  readonly lookup?: LookupFunction
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i

/** Whether what is fetched from a URL can be trusted: https, or plain http that does not leave this machine. */
export function isTrustworthyUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname))
}

/**
 * Fetches a JSON document: status 200 alone, no redirect is followed, within limits of time and size.
 * @throws {Error} in every other case; its text names no more than the status
 */
export async function fetchJson(url: string, options: FetchOptions): Promise<unknown> {
  if (!isTrustworthyUrl(url)) throw new Error('neither https nor plain http on loopback')
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http')
  const { accept, ca, lookup, timeoutMs, maxBytes } = options
  const signal = AbortSignal.timeout(timeoutMs)
  const text = await new Promise<string>((resolve, reject) => {
    const asked: ClientRequest = get(
      url,
      { headers: { accept }, agent: false, signal, ...(ca && { ca }), ...(lookup && { lookup }) },
      (answer) => {
        textOf(answer, maxBytes)
          .then(resolve, reject)
          .finally(() => asked.destroy())
      }
    )
    asked.on('error', reject)
  })
  return JSON.parse(text)
}

async function textOf(answer: IncomingMessage, maxBytes: number): Promise<string> {
  if (answer.statusCode !== 200) throw new Error(`the answer is ${answer.statusCode}`)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error('the answer is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
