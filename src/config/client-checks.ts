import type { Static } from 'typebox'
import { confidentialGrants, isLikeUserId, publicClientId } from '../clients/client.ts'
import { type Check, cidrFindings, secretFindings, ttlFindings, when } from './checks.ts'
import { isEverything } from './cidr.ts'
import { keySetFindings, uriFindings } from './client-keys.ts'
import type { ClientDefinition } from './client-schema.ts'
import type { Finding, Path } from './config-error.ts'

/** A definition as it is written, with its defaults. */
export type WrittenDefinition = Static<typeof ClientDefinition>

/** What the clients of the configuration contradict, among themselves and in each. */
export const clientChecks: readonly Check[] = [
  ({ clients, secret }) => {
    const ids = clients.map(({ id }) => id)
    const all = clients.flatMap((client) => [client.secret ?? []].flat())
    const own = [secret ?? []].flat()
    return clients.flatMap((client, index) => {
      const path: Path = ['clients', index]
      const written = client.secret ?? []
      const secrets = typeof written === 'string' ? [written] : written
      return [
        ...when(ids.indexOf(client.id) !== index, [...path, 'id'], 'another client has this id'),
        ...when(
          client.id === publicClientId,
          [...path, 'id'],
          'is what callers without client authentication are called'
        ),
        ...when(isLikeUserId(client.id), [...path, 'id'], 'is a UUIDv7, as the ids of users are'),
        ...secrets.flatMap((one, position) => {
          const place = typeof written === 'string' ? [...path, 'secret'] : [...path, 'secret', position]
          const before = clients.slice(0, index).flatMap((other) => [other.secret ?? []].flat())
          const isTaken = [...before, ...secrets.slice(0, position)].includes(one)
          return [
            ...secretFindings(one, place),
            ...when(isTaken && all.includes(one), place, 'another client has this secret'),
            ...when(own.includes(one), place, "is the service's own secret", [['secret']])
          ]
        }),
        ...proofFindings(client, secrets.length > 0, path),
        ...definitionFindings(client, path)
      ]
    })
  }
]

/** What is wrong within a client's definition, wherever it is registered. */
export function definitionFindings(client: WrittenDefinition, path: Path): Finding[] {
  const { grants, permissions, jwks, jwksUri, allowPrivate, forwardedFor } = client
  const pointless = permissions.length > 0 && !grants.includes('client_credentials')
  return [
    ...when(grants.join() === 'refresh_token', [...path, 'grants'], 'refresh_token needs a grant that logs in'),
    ...when(pointless, [...path, 'permissions'], 'are for the grant client_credentials, which is not among grants', [
      [...path, 'grants']
    ]),
    ...noneFindings(client, path),
    ...keySetFindings(jwks?.keys ?? [], [...path, 'jwks', 'keys']),
    ...(jwksUri === undefined ? [] : uriFindings(jwksUri, allowPrivate, [...path, 'jwksUri'])),
    ...cidrFindings(allowPrivate, [...path, 'allowPrivate']),
    ...when(
      allowPrivate.length > 0 && jwksUri === undefined,
      [...path, 'allowPrivate'],
      'is for jwksUri, which is not there'
    ),
    ...ttlFindings(client, path),
    ...cidrFindings(forwardedFor, [...path, 'forwardedFor']),
    ...forwardedFor.flatMap((cidr, index) =>
      when(isEverything(cidr), [...path, 'forwardedFor', index], 'is every address: name those that the client has')
    )
  ]
}

/** A client proves who it is in the one way that it has what for. */
export function proofFindings(
  { authentication, jwks, jwksUri }: Pick<WrittenDefinition, 'authentication' | 'jwks' | 'jwksUri'>,
  hasSecret: boolean,
  path: Path
): Finding[] {
  const place = [...path, 'authentication']
  const hasKeys = jwks !== undefined || jwksUri !== undefined
  const wantsKeys = authentication === 'private_key_jwt'
  const wantsSecret = authentication?.startsWith('client_secret_') ?? false
  return [
    ...when(hasSecret && hasKeys, [...path, 'jwks'], 'a client has either a secret or keys', [[...path, 'secret']]),
    ...when(jwks !== undefined && jwksUri !== undefined, [...path, 'jwksUri'], 'stands beside jwks: name one', [
      [...path, 'jwks']
    ]),
    ...when(
      !hasSecret && !hasKeys && (wantsSecret || authentication === undefined),
      [...path, 'secret'],
      'is missing: expected a random text of at least 32 bytes',
      [
        [...path, 'jwks', 'keys'],
        [...path, 'jwksUri']
      ]
    ),
    ...when(
      wantsKeys && !hasKeys && !hasSecret,
      [...path, 'jwks'],
      'is missing: private_key_jwt needs jwks or jwksUri'
    ),
    ...when(wantsKeys && hasSecret, place, 'private_key_jwt has no secret', [[...path, 'secret']]),
    ...when(wantsSecret && hasKeys, place, 'has keys, which are for private_key_jwt', [[...path, 'jwks']]),
    ...when(authentication === 'none' && (hasSecret || hasKeys), place, 'none has neither secret nor keys')
  ]
}

function noneFindings({ authentication, grants, forwardedFor }: WrittenDefinition, path: Path): Finding[] {
  if (authentication !== 'none') return []
  const against = [[...path, 'authentication']]
  return [
    ...when(
      grants.some((grant) => confidentialGrants.includes(grant)),
      [...path, 'grants'],
      'password, client_credentials and the one of proxies are for clients that prove who they are',
      against
    ),
    ...when(forwardedFor.length > 0, [...path, 'forwardedFor'], 'is for clients that prove who they are', against)
  ]
}
