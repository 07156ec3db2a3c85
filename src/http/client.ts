import type { FastifyRequest } from 'fastify'
import type { Trail } from '../auth/audit.ts'
import type { Chain } from '../auth/link.ts'
import { mayUse, publicClientId, type Rate, type RegisteredClient } from '../clients/client.ts'
import { InvalidClient, UnauthorizedClient } from '../errors.ts'
import type { Audience } from '../tokens/audience.ts'
import { addressOf } from './address.ts'
import { type ClientParameters, presentedBy, proves } from './client-proof.ts'
import { endUserAddress } from './forwarded.ts'
import type { AppParts } from './parts.ts'

/** Who calls, and what they may ask for. */
export interface Client {
  readonly id: string
  /** It proved who it is; not so the public client, nor one that is registered with `authentication: none`. */
  readonly isConfidential: boolean
  /** Whether it may ask for a grant. */
  readonly mayUse: (grant: string) => boolean
  /** Its default first. */
  readonly audiences: readonly Audience[]
  /** The backends that are asked for it, in the chain's order. */
  readonly chain: Chain
  readonly chooseBackend: boolean
  /** Its own, for the grant `client_credentials`. */
  readonly permissions: readonly string[]
  /** The end user's address as it is counted and logged: the caller's, or what a trusted client says of it. */
  readonly ip: string
  readonly accessTtlSeconds?: number
  readonly refreshTtlSeconds?: number
}

/**
 * The client behind a request, which may ask for this grant. It is counted for the end user's address.
 * @throws {UnauthorizedClient} where it may not, and as `authenticateClient` does
 * @throws {SlowDown} the end user is over the limit of addresses
 */
export async function clientOf(
  request: FastifyRequest,
  body: ClientParameters,
  { grant, trail }: { readonly grant: string; readonly trail: Trail },
  parts: AppParts
): Promise<Client> {
  const client = await authenticated(request, body, { trail, count: (ip) => countAddress(request, ip, parts) }, parts)
  if (!client.mayUse(grant)) throw new UnauthorizedClient()
  return client
}

/**
 * The client behind a request: by HTTP Basic, by a secret in the body (RFC 6749 2.3.1) or by a signed assertion (RFC 7523
 * 2.2), one way only; callers without client authentication are the public client, where that is switched on, or one that
 * is registered so.
 * @param trail learns which client it is, also one whose proof was wrong
 * @throws {InvalidClient} in the scheme that the client used
 * @throws {InvalidRequest} there are two proofs
 * @throws {SlowDown} it is over its own limit
 */
export function authenticateClient(
  request: FastifyRequest,
  body: ClientParameters,
  trail: Trail,
  parts: AppParts
): Promise<Client> {
  return authenticated(request, body, { trail, count: async () => {} }, parts)
}

/** @param told.count counts the request for the end user's address, or for the caller's where it proved nothing */
async function authenticated(
  request: FastifyRequest,
  body: ClientParameters,
  { trail, count }: { readonly trail: Trail; readonly count: (ip: string) => Promise<void> },
  parts: AppParts
): Promise<Client> {
  const registered = await provenBy(request, body, trail, parts).catch(async (error) => {
    await count(addressOf(request))
    throw error
  })
  if (registered === undefined) {
    trail.client = publicClientId
    await count(addressOf(request))
    return publicClient(request, parts)
  }
  const ip = endUserAddress(request, registered.handsOnFrom)
  trail.ip = ip
  await count(ip)
  if (registered.limits) await parts.clients.rates.count(`client ${registered.id}`, registered.limits)
  return registeredClient(registered, ip, parts)
}

/** The same for a client that must prove who it is. @throws {InvalidClient} it did not */
export async function confidentialClientOf(
  request: FastifyRequest,
  body: ClientParameters,
  trail: Trail,
  parts: AppParts
): Promise<Client> {
  const client = await authenticateClient(request, body, trail, parts)
  if (!client.isConfidential) throw new InvalidClient()
  return client
}

/** The backend that a request asks for, if its client may choose. @throws {UnauthorizedClient} */
export function chosenBackend(backend: string | undefined, client: Client): { backend?: string } {
  if (backend === undefined) return {}
  if (!client.chooseBackend) throw new UnauthorizedClient('The client may not choose a backend')
  return { backend }
}

/**
 * The limit of addresses as @fastify/rate-limit takes it. Where clients hand on addresses from, it is counted behind
 * authentication instead: all of their users would share one allowance.
 */
export const addressLimit = ({ ipLimit, clients }: AppParts) =>
  ipLimit && {
    max: ipLimit.max,
    timeWindow: ipLimit.windowMs,
    allowList: ({ ip }: FastifyRequest): boolean => clients.registry.isForwarder(ip)
  }

async function countAddress({ ip }: FastifyRequest, counted: string, { ipLimit, clients }: AppParts): Promise<void> {
  const limit: Rate | false = clients.registry.isForwarder(ip) && ipLimit
  if (limit) await clients.rates.count(`ip ${counted}`, limit)
}

/** The registered client, or `undefined` for the public one. */
async function provenBy(
  request: FastifyRequest,
  body: ClientParameters,
  trail: Trail,
  { clients, publicClient: isServed }: AppParts
): Promise<RegisteredClient | undefined> {
  const presented = presentedBy(request, body)
  if (presented.kind === 'none' && (presented.id ?? publicClientId) === publicClientId) {
    if (!isServed) throw new InvalidClient()
    return undefined
  }
  const client = presented.id === undefined ? undefined : await clients.registry.byId(presented.id)
  if (client !== undefined) trail.client = client.id
  const isProven = await proves(presented, client, clients.assertions)
  if (client === undefined || !isProven) throw new InvalidClient(presented.kind === 'basic' ? 'Basic' : undefined)
  return client
}

const publicClient = (request: FastifyRequest, { audiences, login }: AppParts): Client => ({
  ...{ id: publicClientId, isConfidential: false, audiences, chain: login.chain, chooseBackend: false },
  ...{ permissions: [], ip: addressOf(request), mayUse: (grant) => grant !== 'client_credentials' }
})

function registeredClient(client: RegisteredClient, ip: string, { audiences, login }: AppParts): Client {
  const { id, backends, chooseBackend, permissions, accessTtlSeconds, refreshTtlSeconds } = client
  return {
    ...{ id, chooseBackend, permissions, ip },
    isConfidential: !client.authentication.includes('none'),
    mayUse: (grant) => mayUse(client, grant),
    audiences: client.audiences.flatMap((wanted) => audiences.filter((audience) => audience.id === wanted)),
    chain: backends ? login.chain.filter((backend) => backends.includes(backend.id)) : login.chain,
    ...(accessTtlSeconds === undefined ? {} : { accessTtlSeconds }),
    ...(refreshTtlSeconds === undefined ? {} : { refreshTtlSeconds })
  }
}
