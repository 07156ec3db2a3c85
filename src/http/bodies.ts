import { parse as parseQuery } from 'node:querystring'
import { InvalidRequest } from '../errors.ts'
import type { App } from './server.ts'

const maxParameters = 50

/**
 * The two kinds of body that are taken: forms (RFC 6749 appendix B) and JSON, both in UTF-8 and without doubled parameters.
 * A doubled form parameter becomes an array, which no schema of a single value lets pass.
 */
export function acceptBodies(app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    /^application\/x-www-form-urlencoded(;|$)/i,
    { parseAs: 'buffer' },
    (request, body, done) => {
      parsed(request.headers['content-type'], body, parseForm, done)
    }
  )
  addJson(app)
}

/** JSON alone, as strict; also as the changes of a PATCH are called (RFC 7396 4). */
export function acceptJson(scope: App): void {
  scope.removeAllContentTypeParsers()
  addJson(scope, /^application\/(merge-patch\+)?json(;|$)/i)
}

/** Any body of any kind, which nobody looks at. */
export function ignoreBodies(scope: App): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })
}

function addJson(app: App, type = /^application\/json(;|$)/i): void {
  app.addContentTypeParser(type, { parseAs: 'buffer' }, (request, body, done) => {
    // Many clients call every request JSON, a DELETE without any content too.
    if (body.length === 0) return void done(null)
    parsed(request.headers['content-type'], body, parseJson, done)
  })
}

function parsed(
  contentType: string | undefined,
  body: string | Buffer,
  parse: (text: string) => unknown,
  done: (error: Error | null, value?: unknown) => void
): void {
  try {
    if (!isUtf8(contentType)) throw new InvalidRequest('The charset must be UTF-8')
    done(null, parse(decode(body)))
  } catch (error) {
    done(error instanceof Error ? error : new InvalidRequest('The body is malformed'))
  }
}

function isUtf8(contentType = ''): boolean {
  const [, charset] = /;\s*charset\s*=\s*"?([^";\s]+)"?/i.exec(contentType) ?? []
  return charset === undefined || charset.toLowerCase() === 'utf-8'
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(body: string | Buffer): string {
  try {
    return typeof body === 'string' ? body : utf8.decode(body)
  } catch (error) {
    throw new InvalidRequest('The body is not UTF-8', error)
  }
}

function parseForm(text: string): unknown {
  if (hasTooManyParameters(text)) throw new InvalidRequest('Too many parameters')
  return { ...parseQuery(text, '&', '=', { maxKeys: 0 }) }
}

function hasTooManyParameters(text: string): boolean {
  let count = 1
  for (let at = text.indexOf('&'); at >= 0 && count <= maxParameters; at = text.indexOf('&', at + 1)) count++
  return count > maxParameters
}

function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new InvalidRequest('The body is not JSON', error)
  }
  if (membersIn(text) !== membersOf(value)) throw new InvalidRequest('The body has a member twice')
  return value
}

const [quote, backslash, colon] = [0x22, 0x5c, 0x3a]

/**
 * Counts the members of sound JSON as they are written, by the colons outside of texts: JSON.parse keeps the last of two in
 * silence.
 */
function membersIn(text: string): number {
  let count = 0
  let isInText = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) isInText = !isInText
    else if (code === backslash) at++
    else if (code === colon && !isInText) count++
  }
  return count
}

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  const left: object[] = [value]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const inner: unknown[] = Object.values(next)
    if (!Array.isArray(next)) count += inner.length
    for (const entry of inner) if (typeof entry === 'object' && entry !== null) left.push(entry)
  }
  return count
}
