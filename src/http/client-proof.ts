import type { FastifyRequest } from 'fastify'
import { type Assertions, assertionType, subjectOf } from '../clients/assertions.ts'
import type { RegisteredClient } from '../clients/client.ts'
import { matchesSecret } from '../clients/secret.ts'
import { InvalidClient, InvalidRequest } from '../errors.ts'

/** What a request may say of its client in its body (RFC 6749 2.3.1, RFC 7523 2.2). */
export interface ClientParameters {
  readonly client_id?: string
  readonly client_secret?: string
  readonly client_assertion_type?: string
  readonly client_assertion?: string
}

/** Who a caller says that it is, and what it brings to prove it. */
export type Presented =
  | { readonly kind: 'basic' | 'post'; readonly id: string; readonly secret: string }
  | { readonly kind: 'assertion'; readonly id: string | undefined; readonly assertion: string }
  | { readonly kind: 'none'; readonly id: string | undefined }

/**
 * What a request brings, in one way only (RFC 6749 2.3).
 * @throws {InvalidRequest} there are two ways, or half of one
 * @throws {InvalidClient} it is malformed
 */
export function presentedBy({ headers: { authorization } }: FastifyRequest, body: ClientParameters): Presented {
  const { client_id: id, client_secret: secret, client_assertion: assertion, client_assertion_type: type } = body
  if ([authorization, secret, assertion].filter((proof) => proof !== undefined).length > 1)
    throw new InvalidRequest('The client authenticates in more than one way')
  if ((assertion === undefined) !== (type === undefined))
    throw new InvalidRequest("body: 'client_assertion' and 'client_assertion_type' come together")
  if (authorization !== undefined) return basicCredentials(authorization, id)
  if (assertion !== undefined) return asserted(assertion, type, id)
  if (secret === undefined) return { kind: 'none', id }
  if (id === undefined) throw new InvalidClient()
  return { kind: 'post', id, secret }
}

const methods = { basic: 'client_secret_basic', post: 'client_secret_post' } as const

/** Whether it proves that the caller is that client; for an unknown client it takes as long to say no. */
export async function proves(
  presented: Presented,
  client: RegisteredClient | undefined,
  assertions: Assertions
): Promise<boolean> {
  const { kind } = presented
  const isWay = (way: RegisteredClient['authentication'][number]) => client?.authentication.includes(way) ?? false
  if (kind === 'none') return isWay('none')
  if (kind === 'assertion')
    return client !== undefined && isWay('private_key_jwt') && assertions.verify(presented.assertion, client)
  return matchesSecret(presented.secret, client?.secrets ?? [], Date.now()) && isWay(methods[kind])
}

/** RFC 6749 2.3.1: both halves are form-encoded before RFC 7617 puts them together. */
function basicCredentials(authorization: string, bodyId: string | undefined): Presented {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  const pair = Buffer.from(encoded ?? '', 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  const [id, secret] = [formDecoded(pair.slice(0, colon)), formDecoded(pair.slice(colon + 1))]
  if (colon < 1 || id === undefined || secret === undefined || (bodyId !== undefined && bodyId !== id))
    throw new InvalidClient('Basic')
  return { kind: 'basic', id, secret }
}

function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** RFC 7521 4.2: `client_id` need not be there, but names the assertion's subject where it is. */
function asserted(assertion: string, type: string | undefined, bodyId: string | undefined): Presented {
  const id = subjectOf(assertion)
  if (type !== assertionType || (bodyId !== undefined && bodyId !== id)) throw new InvalidClient()
  return { kind: 'assertion', id, assertion }
}
