import { type FetchOptions, fetchJson } from './fetch-json.ts'

/** Public keys (RFC 7517 5), as they are published. */
export interface PublishedKeys {
  readonly keys: ReadonlyArray<Readonly<Record<string, unknown>>>
}

/** What a key set and what leads to it are fetched within. */
export const keySetLimits = { timeoutMs: 3_000, maxBytes: 256 * 1024 } as const

const accept = 'application/jwk-set+json, application/json'

/** Fetches a key set. @throws {Error} it can't be had, or is none */
export const fetchKeySet = async (
  url: string,
  { ca, lookup }: Pick<FetchOptions, 'ca' | 'lookup'> = {}
): Promise<PublishedKeys> =>
  keySetOf(await fetchJson(url, { accept, ...keySetLimits, ...(ca && { ca }), ...(lookup && { lookup }) }))

/** A value as a key set. @throws {Error} it is none */
export function keySetOf(value: unknown): PublishedKeys {
  if (!isKeySet(value)) throw new Error('the key set is malformed')
  return value
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isKeySet = (value: unknown): value is PublishedKeys =>
  isMapping(value) && Array.isArray(value.keys) && value.keys.every(isMapping)
