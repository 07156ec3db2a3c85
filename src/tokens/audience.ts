import { matchesAny } from '../auth/pattern.ts'
import { InvalidScope, InvalidTarget } from '../errors.ts'
import type { TokenType } from './key-ring.ts'
import type { Algorithm } from './key-store.ts'

/** A resource server that tokens are for, and what its tokens look like. */
export interface Audience {
  readonly id: string
  /** Patterns of the permissions that its tokens carry. */
  readonly permissions: readonly string[]
  readonly typ: TokenType
  readonly permissionsBy: 'value' | 'reference'
  readonly algorithm: Algorithm
  /** How long its access tokens live; absent: as all. */
  readonly accessTtlSeconds?: number
  /** User fields that go into its tokens alone, by the claim's name. */
  readonly claims: Readonly<Record<string, string>>
}

/** What a request says of the audience (RFC 8693 2.1 `audience`, RFC 8707 2 `resource`), each as often as it came. */
export interface AudienceRequest {
  readonly audience: readonly string[]
  readonly resource: readonly string[]
}

/**
 * The one audience of a request: the one that it names, else the first of the list.
 * @param allowed the audiences that the client may ask for, its default first
 * @throws {InvalidTarget} several are named, or one that is not allowed
 */
export function chooseAudience(request: AudienceRequest, allowed: readonly Audience[]): Audience {
  const named = new Set([...request.audience, ...request.resource])
  if (named.size > 1) throw new InvalidTarget('A token is for one audience only')
  const [name] = named
  const audience = name === undefined ? allowed[0] : allowed.find(({ id }) => id === name)
  if (audience === undefined) throw new InvalidTarget()
  return audience
}

const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/**
 * The names and patterns in a scope (RFC 6749 3.3), or `undefined` where none was asked for.
 * @throws {InvalidScope} it has other characters than scopes may have
 */
export function parseScope(scope: string | undefined): readonly string[] | undefined {
  if (scope === undefined) return undefined
  const tokens = scope.split(' ').filter((token) => token !== '')
  if (tokens.length === 0 || !tokens.every((token) => scopeToken.test(token))) throw new InvalidScope()
  return [...new Set(tokens)]
}

/** The names and patterns of a claim `scope`; an empty one is one that nothing was granted of. */
export const scopeOf = ({ scope }: { readonly scope?: string }): readonly string[] | undefined =>
  scope === undefined ? undefined : scope.split(' ').filter((token) => token !== '')

/**
 * What of a requested scope is granted (RFC 6749 3.3): the names and patterns that a permission was granted for. A resource
 * server may read the claim alone, so nothing stands there that the user does not hold.
 */
export function grantedScope(scope: readonly string[], permissions: readonly string[]): string {
  return scope.filter((pattern) => permissions.some((name) => matchesAny([pattern], name))).join(' ')
}

/** The permissions that a token for this audience carries, narrowed to the scope where one was asked for. */
export function permissionsFor(
  names: readonly string[],
  audience: Audience,
  scope: readonly string[] | undefined
): readonly string[] {
  return names.filter(
    (name) => matchesAny(audience.permissions, name) && (scope === undefined || matchesAny(scope, name))
  )
}
