import type { Static, TObject } from 'typebox'
import type { BackendDefinition } from '../auth/define-backend.ts'
import Type from '../schema/type.ts'
import { BackendId, fieldNames, PermissionName, PermissionPattern, text } from './names.ts'
import { duration } from './units.ts'

const Email = Type.Object(
  {
    domains: Type.Optional(
      Type.Array(text({ maxLength: 253 }), {
        minItems: 1,
        description:
          'Domains for whose addresses the backend vouches; others are refused. Absent: any may come in, unvouched.'
      })
    ),
    prefer: Type.Optional(
      Type.Enum(['domain'], {
        description: 'Of several addresses, take the only one in the first of the domains that has any.'
      })
    ),
    fallback: Type.Optional(
      text({ maxLength: 254, description: 'The address of an account without any: {username}@example.com.' })
    )
  },
  { additionalProperties: false, default: {}, description: "How an account's e-mail address is found." }
)

const Next = (description: string) => Type.Enum(['next', 'stop'], { default: 'next', description })

const common = {
  id: Type.String({ ...BackendId, description: 'Its name in tokens, logs and metrics: do not change it.' }),
  type: text({
    description: "Its type: one of those below, a file of one's own such as ./company.ts, or a package's name."
  }),
  onRejected: Next('After a wrong password: ask the next backend, or stop.'),
  onUnavailable: Next('While it cannot answer: ask the next backend, or stop.'),
  timeout: Type.Optional(
    duration({
      description:
        'Its share of login.timeout, over all its servers. Default: 1500ms, or all of a shorter login.timeout.'
    })
  ),
  create: Type.Boolean({ default: true, description: 'Whether a first login creates a user.' }),
  updateAttributes: Type.Enum(['always', 'create'], {
    default: 'always',
    description: 'When its attributes are taken over.'
  }),
  attributes: fieldNames('What fields are called there, where otherwise: of several names, the first with a value.', {
    default: {}
  }),
  email: Email,
  grants: Type.Array(PermissionName, { default: [], description: 'Permissions for everyone whom it knows.' }),
  veto: Type.Array(PermissionPattern, { default: [], description: 'Permissions that nobody whom it knows may have.' }),
  permissionsOnUnavailable: Type.Enum(['fail', 'skip'], {
    default: 'fail',
    description:
      'While it cannot tell its permissions: answer 503, or go on without them, but for what `veto` takes away. A join by e-mail, or an administrator who is no superuser, does not go on without them.'
  })
}

/** The options that all backends have in common, beside others. */
export const Common = Type.Object(common, { additionalProperties: true })

/** The names of these options, which no type may call one of its own by; but for `attributes`, which it may. */
export const commonNames: readonly string[] = Object.keys(common).filter((name) => name !== 'attributes')

/** What all backends have in common, as it is written. */
export type CommonOptions = Static<typeof Common>

/** What the backends of a file have in common. */
export const commonOptions = ({ backends }: { readonly backends: readonly unknown[] }): readonly CommonOptions[] =>
  backends as readonly CommonOptions[]

/** The list of backends, for the file as a whole; each item is checked by `optionsSchema`. */
export const backendList = Type.Array(Type.Unknown(), {
  minItems: 1,
  expected: 'a list of at least one backend',
  description: 'Where users come from, asked in this order.'
})

/** The schema of one backend in the file: what all have in common, and its type's own options. */
export function backendSchema(definition: BackendDefinition): TObject {
  const shared = sharedWith(definition)
  return Type.Object({ ...shared, ...ownSchema(definition).properties, ...shared }, { additionalProperties: false })
}

/** What a type has in common with all others: it may have names of fields that are its own. */
export function sharedWith(definition: BackendDefinition): Partial<typeof common> {
  const { attributes, ...rest } = common
  return Object.hasOwn(ownSchema(definition).properties, 'attributes') ? rest : { ...rest, attributes }
}

/** The options of one backend without those that all have in common. */
export function ownOptions(definition: BackendDefinition, options: object): Record<string, unknown> {
  const names = Object.keys(ownSchema(definition).properties)
  const shared = sharedWith(definition)
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => names.includes(name) && !Object.hasOwn(shared, name))
  )
}

function ownSchema({ options }: BackendDefinition): TObject {
  if (!Type.IsObject(options)) throw new TypeError('the options of a backend must be a Type.Object')
  return options
}
