import { createHash, randomUUID } from 'node:crypto'
import type { Trail } from '../auth/audit.ts'
import type { AttributeValue } from '../auth/backend.ts'
import type { LoggedIn } from '../auth/login.ts'
import type { Log } from '../auth/ports.ts'
import { type Traced, traced } from '../auth/tracing.ts'
import type { User } from '../auth/user-store.ts'
import { type Audience, grantedScope, permissionsFor } from './audience.ts'
import type { KeyRing } from './key-ring.ts'

/** What a token is issued for. */
export interface IssueRequest extends Traced {
  readonly loggedIn: LoggedIn
  readonly clientId: string
  readonly audience: Audience
  /** Names and patterns that narrow the permissions. */
  readonly scope: readonly string[] | undefined
  /** RFC 8176: how the user was authenticated. */
  readonly amr: readonly string[]
  /** The session that it belongs to; absent: none that could be refreshed. */
  readonly sid?: string
  /** It ends no later; epoch milliseconds. */
  readonly notAfter?: number
  /** Seconds, where the client's tokens live longer or shorter than others. */
  readonly ttlSeconds?: number
  /** RFC 8693 4.1: who acts for the user. */
  readonly act?: object
  /** Carries nothing beyond these, whatever the user holds. */
  readonly within?: readonly string[]
  readonly log: Log
  /** Takes down whose token it is: no token is issued without an event. */
  readonly trail: Trail
}

/** A successful answer of the token endpoint (RFC 6749 5.1). */
export interface IssuedToken {
  readonly access_token: string
  readonly token_type: 'Bearer'
  /** Seconds. */
  readonly expires_in: number
  readonly scope?: string
  readonly refresh_token?: string
  /** RFC 8693 2.2.1. */
  readonly issued_token_type?: string
}

/** What issuing needs. */
export interface TokenTools {
  readonly issuer: string
  readonly keys: KeyRing
  readonly accessTtlSeconds: number
  /** A token that would be longer carries a digest in place of its permissions. */
  readonly maxBytes: number
  /** User fields that go into the token, by the claim's name. */
  readonly claims: Readonly<Record<string, string>>
  /** Epoch milliseconds. */
  readonly now: () => number
}

const largeBytes = 4096

/** Issues an access token as RFC 9068 2.2 has it, with the backend that authenticated and the permissions for the audience. */
export async function issueAccessToken(request: IssueRequest, tools: TokenTools): Promise<IssuedToken> {
  const { loggedIn, audience, scope, within, log } = request
  const held = permissionsFor(loggedIn.permissions.names, audience, scope)
  const permissions = within ? held.filter((name) => within.includes(name)) : held
  const granted = scope && grantedScope(scope, permissions)
  const claims = claimsOf(request, granted, tools)
  const sign = (part: object): Promise<string> =>
    traced(request, 'token.sign', () => tools.keys.sign({ ...claims, ...part }, audience.algorithm, audience.typ))
  const byReference = (): Promise<string> => sign({ permissions_digest: permissionsDigest(permissions) })
  noteToken(request, claims)
  let token = await (audience.permissionsBy === 'reference' ? byReference() : sign({ permissions }))
  if (token.length > tools.maxBytes && audience.permissionsBy === 'value') token = await byReference()
  if (token.length > largeBytes) {
    log.warn(
      { event: 'large_token', audience: audience.id, bytes: token.length, user: loggedIn.user.id },
      'large token'
    )
  }
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: claims.exp - claims.iat,
    ...(granted === undefined ? {} : { scope: granted })
  }
}

/** SHA-256, base64url, over the sorted names with a line feed after each. */
export function permissionsDigest(sorted: readonly string[]): string {
  return createHash('sha256')
    .update(sorted.map((name) => `${name}\n`).join(''))
    .digest('base64url')
}

function claimsOf(
  { loggedIn, clientId, audience, amr, sid = randomUUID(), act, ...limits }: IssueRequest,
  scope: string | undefined,
  tools: TokenTools
): { readonly iat: number; readonly exp: number; readonly jti: string; readonly [claim: string]: unknown } {
  const { user, backend, permissions, at } = loggedIn
  return {
    ...ownClaims(user, { ...tools.claims, ...audience.claims }),
    iss: tools.issuer,
    sub: user.id,
    aud: audience.id,
    ...datesOf(audience, limits, tools),
    jti: randomUUID(),
    sid,
    client_id: clientId,
    ...(act ? { act } : {}),
    auth_time: Math.floor(at / 1000),
    amr,
    ...(scope === undefined ? {} : { scope }),
    ...personClaims(user),
    backend: backend.id,
    groups: permissions.groups
  }
}

function noteToken({ trail, loggedIn, audience, sid }: IssueRequest, { jti }: { readonly jti: string }): void {
  const { user, backend, subject } = loggedIn
  const seen = user.identities.find((identity) => identity.backend === backend.id && identity.subject === subject)
  Object.assign(trail, {
    ...{ user: user.id, backend: backend.id, audience: audience.id },
    ...(subject === '' ? {} : { subject }),
    ...(seen ? { username: seen.username } : {}),
    issued: { jti, ...(sid === undefined ? {} : { session: sid }) }
  })
}

/** The shortest of what client and audience ask for; what all have where neither does. */
function datesOf(
  audience: Audience,
  { ttlSeconds, notAfter = Number.POSITIVE_INFINITY }: Pick<IssueRequest, 'ttlSeconds' | 'notAfter'>,
  { now, accessTtlSeconds }: TokenTools
): { readonly iat: number; readonly exp: number } {
  const iat = Math.floor(now() / 1000)
  const asked = [ttlSeconds, audience.accessTtlSeconds].filter((seconds) => seconds !== undefined)
  const ttl = asked.length > 0 ? Math.min(...asked) : accessTtlSeconds
  return { iat, exp: Math.min(iat + ttl, Math.floor(notAfter / 1000)) }
}

/** What a token for the client itself is issued for. */
export interface ClientTokenRequest extends Traced {
  readonly clientId: string
  /** The client's own permissions. */
  readonly permissions: readonly string[]
  readonly audience: Audience
  readonly scope: readonly string[] | undefined
  readonly ttlSeconds?: number
  /** See `IssueRequest.trail`. */
  readonly trail: Trail
}

/**
 * Issues an access token for a client itself (RFC 6749 4.4). Nobody mistakes it for a user's (RFC 9700 4.15): it names no
 * backend, session, e-mail or time of authentication, its subject is the client, and `gty` says how it came about.
 */
export async function issueClientToken(request: ClientTokenRequest, tools: TokenTools): Promise<IssuedToken> {
  const { clientId, audience, scope } = request
  const permissions = permissionsFor([...request.permissions].sort(), audience, scope)
  const granted = scope && grantedScope(scope, permissions)
  const { iat, exp } = datesOf(audience, request, tools)
  const jti = randomUUID()
  Object.assign(request.trail, { audience: audience.id, issued: { jti } })
  const claims = {
    ...{ iss: tools.issuer, sub: clientId, aud: audience.id, iat, exp, jti, client_id: clientId },
    gty: 'client_credentials',
    ...(granted === undefined ? {} : { scope: granted }),
    permissions
  }
  return {
    access_token: await traced(request, 'token.sign', () => tools.keys.sign(claims, audience.algorithm, audience.typ)),
    token_type: 'Bearer',
    expires_in: exp - iat,
    ...(granted === undefined ? {} : { scope: granted })
  }
}

/** The standard claims of OpenID Connect core 5.1 that a user has in every token. */
export function personClaims(user: User): { email: string; email_verified?: true; name?: string } {
  const { displayName, firstName, lastName } = user.attributes
  const name = displayName ?? [firstName, lastName].filter((part) => part !== undefined).join(' ')
  return {
    email: user.email,
    ...(user.emailVouched ? { email_verified: true } : {}),
    ...(name === '' ? {} : { name: String(name) })
  }
}

/** The user fields that the configuration makes claims of. */
export function ownClaims(user: User, claims: Readonly<Record<string, string>>): Record<string, AttributeValue> {
  const present = Object.entries(claims).flatMap(([claim, attribute]) => {
    const value = user.attributes[attribute]
    return value === undefined ? [] : [[claim, value] as const]
  })
  return Object.fromEntries(present)
}
