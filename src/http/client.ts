import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Chain } from '../auth/link.ts'
import { InvalidClient, UnauthorizedClient } from '../errors.ts'
import type { Audience } from '../tokens/audience.ts'
import type { AppParts } from './parts.ts'

/** A registered service that calls us, as the configuration has it. */
export interface RegisteredClient {
  readonly id: string
  readonly secret: string
  readonly grants: readonly string[]
  /** Ids; its default first. */
  readonly audiences: readonly string[]
  /** The only backends that are asked for it. */
  readonly backends?: readonly string[]
  readonly chooseBackend: boolean
  /** Its own, for tokens of its own. */
  readonly permissions: readonly string[]
}

/** Who calls, and what they may ask for. */
export interface Client {
  readonly id: string
  /** Its default first. */
  readonly audiences: readonly Audience[]
  /** The backends that are asked for it, in the chain's order. */
  readonly chain: Chain
  readonly chooseBackend: boolean
  /** It did not authenticate: whoever says so is it. */
  readonly isPublic: boolean
  readonly permissions: readonly string[]
  readonly accessTtlSeconds?: number
  readonly refreshTtlSeconds?: number
  /** Whether it may use a grant (RFC 6749 1.3). */
  mayUse(grant: string): boolean
}

/** What a request may say of its client in its body (RFC 6749 2.3.1). */
export interface ClientParameters {
  readonly client_id?: string
  readonly client_secret?: string
}

interface Presented {
  readonly id: string
  readonly secret: string
  /** The scheme of the header that it came in, if it came in one. */
  readonly scheme?: string
}

const publicClientId = 'public'

/**
 * The client behind a request: by HTTP Basic or in the body (RFC 6749 2.3.1), one way only; callers without client
 * authentication are the public client, where that is switched on.
 * @throws {InvalidClient} in the scheme that the client used
 */
export async function clientOf(request: FastifyRequest, body: ClientParameters, parts: AppParts): Promise<Client> {
  const presented = presentedBy(request, body)
  if (presented === undefined) {
    if (!parts.publicClient || (body.client_id ?? publicClientId) !== publicClientId) throw new InvalidClient()
    return publicClientOf(parts)
  }
  const client = parts.clients.find(({ id }) => id === presented.id)
  const matches = isSame(presented.secret, client?.secret ?? '')
  if (client === undefined || !matches) throw new InvalidClient(presented.scheme)
  const { id, backends, grants, chooseBackend, permissions } = client
  return {
    ...{ id, chooseBackend, permissions, isPublic: false },
    audiences: client.audiences.flatMap((id) => parts.audiences.filter((audience) => audience.id === id)),
    chain: backends ? parts.login.chain.filter(({ id }) => backends.includes(id)) : parts.login.chain,
    mayUse: (grant) => grants.includes(grant)
  }
}

const publicClientOf = ({ audiences, login }: AppParts): Client => ({
  id: publicClientId,
  audiences,
  chain: login.chain,
  chooseBackend: false,
  isPublic: true,
  permissions: [],
  mayUse: (grant) => grant !== 'client_credentials'
})

/** A client that authenticated; the public one did not. @throws {InvalidClient} */
export async function confidentialClientOf(
  request: FastifyRequest,
  body: ClientParameters,
  parts: AppParts
): Promise<Client> {
  const client = await clientOf(request, body, parts)
  if (client.isPublic) throw new InvalidClient()
  return client
}

/** The backend that a request asks for, if its client may choose. @throws {UnauthorizedClient} */
export function chosenBackend(backend: string | undefined, client: Client): { backend?: string } {
  if (backend === undefined) return {}
  if (!client.chooseBackend) throw new UnauthorizedClient('The client may not choose a backend')
  return { backend }
}

function presentedBy(request: FastifyRequest, body: ClientParameters): Presented | undefined {
  const { authorization } = request.headers
  const { client_id: id, client_secret: secret } = body
  if (authorization === undefined) {
    if (secret === undefined) return undefined
    if (id === undefined) throw new InvalidClient()
    return { id, secret }
  }
  const basic = basicCredentials(authorization)
  if (basic === undefined || secret !== undefined || (id !== undefined && id !== basic.id))
    throw new InvalidClient('Basic')
  return basic
}

/** RFC 6749 2.3.1: both halves are form-encoded before RFC 7617 puts them together. */
function basicCredentials(authorization: string): Presented | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  if (encoded === undefined) return undefined
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  const [id, secret] = [formDecoded(pair.slice(0, colon)), formDecoded(pair.slice(colon + 1))]
  return colon < 1 || id === undefined || secret === undefined ? undefined : { id, secret, scheme: 'Basic' }
}

function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** In the same time whatever they hold: their digests have one length. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b)) && b !== ''
}
