import { ref } from './words.ts'

/** What a status means, the code that comes with it most often, and the words that go with the code. */
export type Meaning = readonly [description: string, code: string, text: string]

/** Of the statuses that any route may answer. */
export const commonMeanings = {
  429: ['Too many attempts; see Retry-After', 'slow_down', 'Too many attempts'],
  500: ['An error of the service, without detail', 'server_error', 'The service failed'],
  503: [
    'Something could not answer now; see Retry-After',
    'temporarily_unavailable',
    'The service cannot answer at the moment'
  ]
} as const

const retryAfter = { 'Retry-After': { type: 'integer', description: 'Seconds' } }

/** The headers that come with them. */
export const commonHeaders = { 429: retryAfter, 503: retryAfter } as const

/** The header of a refusal; `where` is the section that describes the challenge. */
export const challenge = (where: string): object => ({
  'WWW-Authenticate': { type: 'string', description: `The challenge (${where})` }
})

/** How the document lists errors of one kind. */
interface Listing<Status extends number> {
  readonly meanings: Readonly<Record<Status, Meaning>>
  readonly headers: { readonly [status in Status]?: object }
  readonly mediaType: string
  readonly schema: Parameters<typeof ref>[0]
  /** An example's body. */
  value(status: Status, code: string, text: string): object
}

/** Answers by status, as the document lists them, each with an example. */
export const answersOf = <Status extends number>(
  statuses: readonly Status[],
  { meanings, headers, mediaType, schema, value }: Listing<Status>
): Record<number, object> =>
  Object.fromEntries(
    statuses.map((status) => {
      const [description, code, text] = meanings[status]
      const example = { summary: code, value: value(status, code, text) }
      const content = { [mediaType]: { schema: ref(schema), examples: { [code]: example } } }
      return [status, { description, content, ...(headers[status] ? { headers: headers[status] } : {}) }]
    })
  )
