import Type from '../../../schema/type.ts'
import { closed } from '../words.ts'
import { Time } from './words.ts'

const name = Type.String({ minLength: 1, maxLength: 255 })
const permissions = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
  maxItems: 5000,
  description: 'Exactly these'
})

/** A named set of users that carries permissions. */
export const Group = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    permissions: Type.Array(Type.String()),
    createdAt: Time,
    updatedAt: Time
  },
  {
    $id: 'Group',
    examples: [
      {
        id: '019a9c5e-7000-7d11-8f0a-2b6f1d0c9a77',
        name: 'editors',
        permissions: ['blog.change_post'],
        createdAt: '2026-11-22T06:00:00.000Z',
        updatedAt: '2026-11-22T06:00:00.000Z'
      }
    ]
  }
)

/** A group to be made. */
export const NewGroup = Type.Object(
  { name, permissions: Type.Optional(permissions) },
  { $id: 'NewGroup', ...closed, examples: [{ name: 'editors', permissions: ['blog.change_post'] }] }
)

/** A change of a group. */
export const GroupChange = Type.Object(
  { name: Type.Optional(name), permissions: Type.Optional(permissions) },
  { $id: 'GroupChange', ...closed, examples: [{ permissions: ['blog.add_post', 'blog.change_post'] }] }
)

/** Somebody in a group, and who put them there. */
export const Member = Type.Object(
  {
    user: Type.String({ description: "The user's id" }),
    email: Type.String(),
    origins: Type.Array(Type.String(), {
      description: '`local`, or the backend that mirrors its groups (`local (mirrored)`: one that is called so)'
    })
  },
  {
    $id: 'Member',
    examples: [{ user: '019a9c5e-6f00-7d11-8f0a-2b6f1d0c9a77', email: 'alice@example.com', origins: ['local'] }]
  }
)

/** The path of a membership. */
export const ByMember = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 255 }),
  user: Type.String({ minLength: 1, maxLength: 255, description: "The user's id" })
})
