import { createHash } from 'node:crypto'
import { InvalidRequest } from '../../errors.ts'

/** What a search asks for, and where to go on. */
export interface AskedPage {
  readonly after?: string
  readonly limit: number
  /** A digest of the question: a token belongs to one. */
  readonly question: string
}

interface SearchBody {
  readonly page?: { readonly token?: string; readonly limit?: number }
}

const usual = 50
const most = 100

/**
 * The page that a search asks for (AuthZEN 8.2.1). A token keeps the limit of the first request, which may be left out then.
 * @throws {InvalidRequest} the token is none of ours, or of another question
 */
export function pageOf({ page = {}, ...question }: SearchBody): AskedPage {
  const digest = digestOf(question)
  const asked = page.limit === undefined ? undefined : Math.min(page.limit, most)
  if (page.token === undefined || page.token === '') return { limit: asked ?? usual, question: digest }
  const [after, limit, ofQuestion] = parse(page.token)
  const fits = typeof after === 'string' && typeof limit === 'number' && limit > 0 && limit <= most
  if (!fits || ofQuestion !== digest || (asked !== undefined && asked !== limit))
    throw new InvalidRequest('The page token does not belong to this request')
  return { after, limit, question: digest }
}

/** The token of the page behind a place. It says nothing that the caller was not told, and opens nothing. */
export const tokenOf = (after: string, { limit, question }: AskedPage): string =>
  Buffer.from(JSON.stringify([after, limit, question])).toString('base64url')

function parse(token: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    return Array.isArray(parts) ? parts : []
  } catch {
    return []
  }
}

/** The order of members means nothing. */
function digestOf(question: object): string {
  const { subject, action, resource, context } = question as Record<string, unknown>
  const sorted = JSON.stringify([subject, action, resource, context], (_name, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value
  )
  return createHash('sha256').update(sorted).digest('base64url').slice(0, 16)
}
