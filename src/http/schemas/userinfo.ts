import Type from '../../schema/type.ts'

/** OpenID Connect core 5.3.2, and the permissions that the token's audience may see. */
export const UserInfo = Type.Object(
  {
    sub: Type.String({ description: "The user's UUID" }),
    email: Type.String(),
    email_verified: Type.Optional(Type.Boolean()),
    name: Type.Optional(Type.String()),
    given_name: Type.Optional(Type.String()),
    family_name: Type.Optional(Type.String()),
    initials: Type.Optional(Type.String()),
    employee_number: Type.Optional(Type.String()),
    updated_at: Type.Integer({ description: 'Epoch seconds' }),
    backend: Type.String({ description: 'The backend that authenticated' }),
    permissions: Type.Array(Type.String()),
    groups: Type.Array(Type.String())
  },
  {
    $id: 'UserInfo',
    additionalProperties: true,
    examples: [
      {
        sub: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11',
        email: 'alice@example.com',
        email_verified: true,
        name: 'Alice Example',
        given_name: 'Alice',
        family_name: 'Example',
        updated_at: 1760000000,
        backend: 'corp',
        permissions: ['blog.change_post'],
        groups: ['editors']
      }
    ]
  }
)
