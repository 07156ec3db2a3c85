import { isOwnPermission } from '../auth/permissions.ts'
import type { CommonOptions } from './backend-schema.ts'
import type { Finding, Path } from './config-error.ts'
import type { Check } from './contradictions.ts'
import { builtInFields, reservedClaims } from './reserved.ts'
import type { ConfigFile } from './schema.ts'
import { secretFindings, when } from './service-checks.ts'

/** What is wrong among users' fields, audiences, clients and permissions. */
export const accessChecks: readonly Check[] = [
  { sections: ['users'], find: ({ users }) => attributeFindings(users.attributes) },
  {
    sections: ['audiences', 'issuer'],
    find: ({ audiences, issuer }) => {
      const ids = audiences.map(({ id }) => id)
      return audiences.flatMap(({ id, permissions }, index) => [
        ...when(ids.indexOf(id) !== index, ['audiences', index, 'id'], 'another audience has this id'),
        ...when(
          id === issuer && permissions.join() !== '*',
          ['audiences', index, 'permissions'],
          'expected ["*"]: the issuer is the audience that carries every permission'
        )
      ])
    }
  },
  {
    sections: ['clients'],
    find: ({ clients }) => {
      const ids = clients.map(({ id }) => id)
      const secrets = clients.map(({ secret }) => secret)
      return clients.flatMap(({ id, secret, grants, permissions }, index) => {
        const path: Path = ['clients', index]
        return [
          ...when(ids.indexOf(id) !== index, [...path, 'id'], 'another client has this id'),
          ...secretFindings(secret, [...path, 'secret']),
          ...when(secrets.indexOf(secret) !== index, [...path, 'secret'], 'another client has this secret'),
          ...when(grants.join() === 'refresh_token', [...path, 'grants'], 'refresh_token needs a grant that logs in'),
          ...when(
            permissions.length > 0 && !grants.includes('client_credentials'),
            [...path, 'permissions'],
            'are for the grant client_credentials, which this client does not have'
          )
        ]
      })
    }
  },
  {
    sections: ['clients', 'secret'],
    find: ({ clients, secret }) =>
      clients.flatMap((client, index) =>
        when([secret].flat().includes(client.secret), ['clients', index, 'secret'], "is the service's own secret")
      )
  },
  {
    sections: ['clients', 'audiences', 'issuer'],
    find: ({ clients, audiences, issuer }) => {
      const known = new Set([...audiences.map(({ id }) => id), issuer])
      return unknownNames(clients, 'audiences', (name) => known.has(name), 'no audience has this id')
    }
  },
  {
    sections: ['clients', 'backends'],
    find: ({ clients, backends }) => {
      const known = new Set((backends as CommonOptions[]).map(({ id }) => id))
      return unknownNames(clients, 'backends', (name) => known.has(name), 'no backend has this id')
    }
  },
  {
    sections: ['permissions'],
    find: ({ permissions: { declare, anonymous } }) => [
      ...Object.keys(declare).flatMap((name) =>
        when(isOwnPermission(name), ['permissions', 'declare', name], "latchkey.… are the service's own permissions")
      ),
      ...anonymous.flatMap((name, index) =>
        when(isOwnPermission(name), ['permissions', 'anonymous', index], 'everybody could administer the service')
      )
    ]
  }
]

function attributeFindings(attributes: ConfigFile['users']['attributes']): Finding[] {
  const claims = Object.entries(attributes).map(([name, { claim }]) => (claim === true ? name : claim))
  return Object.entries(attributes).flatMap(([name, { type, maxLength }], index) => {
    const path: Path = ['users', 'attributes', name]
    const claim = claims[index]
    const isClaim = typeof claim === 'string'
    return [
      ...when(builtInFields.has(name) || name in {}, path, 'a user has a field of this name already'),
      ...when(maxLength !== undefined && type !== 'string', [...path, 'maxLength'], 'is for type string only'),
      ...when(
        isClaim && reservedClaims.has(claim),
        [...path, 'claim'],
        'this claim has a meaning of its own in tokens'
      ),
      ...when(isClaim && claims.indexOf(claim) !== index, [...path, 'claim'], 'another field has this claim')
    ]
  })
}

function unknownNames(
  clients: ConfigFile['clients'],
  key: 'audiences' | 'backends',
  isKnown: (name: string) => boolean,
  message: string
): Finding[] {
  return clients.flatMap((client, index) =>
    (client[key] ?? []).flatMap((name, position) => when(!isKnown(name), ['clients', index, key, position], message))
  )
}
