import { isOwnPermission } from '../auth/permissions.ts'
import { commonOptions } from './backend-schema.ts'
import { type Check, ttlFindings, when } from './checks.ts'
import { clientChecks } from './client-checks.ts'
import type { Finding, Path } from './config-error.ts'
import { nearestName } from './explain.ts'
import { builtInFields, mappedFields, reservedClaims } from './reserved.ts'
import type { ConfigFile } from './schema.ts'

/** What is wrong among users' fields, audiences, clients and permissions. */
export const accessChecks: readonly Check[] = [
  ({ users }) => attributeFindings(users.attributes),

  ({ audiences, issuer }) => {
    const ids = audiences.map(({ id }) => id)
    return audiences.flatMap(({ id, permissions }, index) => [
      ...when(ids.indexOf(id) !== index, ['audiences', index, 'id'], 'another audience has this id'),
      ...when(
        id === issuer && permissions.join() !== '*',
        ['audiences', index, 'permissions'],
        'expected ["*"]: the issuer is the audience that carries every permission'
      )
    ])
  },

  ({ audiences, users }) =>
    audiences.flatMap(({ accessTtl, claims }, index) => [
      ...ttlFindings({ ...(accessTtl === undefined ? {} : { accessTtl }) }, ['audiences', index]),
      ...claimFindings(claims, users.attributes, ['audiences', index, 'claims'])
    ]),

  ...clientChecks,

  ({ clients, audiences, issuer, listen }) => {
    const known = [...audiences.map(({ id }) => id), issuer ?? `http://localhost:${listen.port}`]
    const against: Path[] = [...audiences.map((_, index) => ['audiences', index, 'id']), ['issuer']]
    return unknownNames(clients, 'audiences', known, 'no audience has this id', against)
  },

  (file) => {
    const known = commonOptions(file).map(({ id }) => id)
    const against: Path[] = known.map((_, index) => ['backends', index, 'id'])
    return unknownNames(file.clients, 'backends', known, 'no backend has this id', against)
  },

  ({ permissions: { declare, anonymous } }) => [
    ...Object.keys(declare).flatMap((name) =>
      when(isOwnPermission(name), ['permissions', 'declare', name], "latchkey.… are the service's own permissions")
    ),
    ...anonymous.flatMap((name, index) =>
      when(isOwnPermission(name), ['permissions', 'anonymous', index], 'everybody could administer the service')
    )
  ]
]

function claimFindings(
  claims: Readonly<Record<string, string>>,
  attributes: ConfigFile['users']['attributes'],
  path: Path
): Finding[] {
  return Object.entries(claims).flatMap(([claim, field]) => [
    ...when(reservedClaims.has(claim), [...path, claim], 'this claim has a meaning of its own in tokens'),
    ...when(
      !mappedFields.has(field) && !Object.hasOwn(attributes, field),
      [...path, claim],
      'users have no field of this name',
      [['users', 'attributes']]
    )
  ])
}

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
  known: readonly string[],
  message: string,
  against: readonly Path[]
): Finding[] {
  return clients.flatMap((client, index) =>
    (client[key] ?? []).flatMap((name, position) =>
      when(!known.includes(name), ['clients', index, key, position], `${message}${meant(name, known)}`, against)
    )
  )
}

function meant(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? '' : `: did you mean ${nearest}?`
}
