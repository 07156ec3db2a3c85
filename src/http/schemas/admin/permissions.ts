import Type from '../../../schema/type.ts'
import { closed } from '../words.ts'

const description = Type.String({ maxLength: 255 })
const name = Type.String({ minLength: 1, maxLength: 255, description: '`app_label.codename`' })

/** A permission of the registry. */
export const Permission = Type.Object(
  {
    name: Type.String(),
    description: Type.String(),
    declared: Type.Boolean({ description: 'The configuration names it now' }),
    origin: Type.Enum(['configuration', 'administration', 'grant'], {
      description: 'Who declared it first; `grant`: nobody yet, but somebody granted it'
    })
  },
  {
    $id: 'Permission',
    examples: [{ name: 'blog.change_post', description: 'Can change a post', declared: true, origin: 'configuration' }]
  }
)

/** A permission to be declared. */
export const NewPermission = Type.Object(
  { name, description },
  { $id: 'NewPermission', ...closed, examples: [{ name: 'blog.change_post', description: 'Can change a post' }] }
)

/** Other words for a permission. */
export const PermissionChange = Type.Object(
  { description },
  { $id: 'PermissionChange', ...closed, examples: [{ description: 'Can change any post' }] }
)

/** The path of a permission. */
export const ByName = Type.Object({ name })

const part = (maxLength: number, text: string) => Type.String({ minLength: 1, maxLength, description: text })

const grant = {
  user: Type.Optional(part(255, "A user's id; either this or a group")),
  group: Type.Optional(part(255, "A group's name")),
  permission: name,
  objectType: part(128, 'What kind of object'),
  objectId: part(255, 'Which one')
}

/** A permission on one object, of a user or a group. */
export const ObjectGrant = Type.Object(grant, {
  $id: 'ObjectGrant',
  ...closed,
  examples: [{ group: 'editors', permission: 'blog.change_post', objectType: 'post', objectId: '42' }]
})

/** The same as a query. */
export const ObjectGrantQuery = Type.Object(grant, closed)

/** Which of them are listed. */
export const objectGrantFilter = {
  user: grant.user,
  group: grant.group,
  permission: Type.Optional(name),
  objectType: Type.Optional(grant.objectType),
  objectId: Type.Optional(part(255, 'With objectType'))
}
