import Type from '../../schema/type.ts'
import { closed, typed } from './words.ts'

/** A password as it is typed; what else it must be is the policy's. */
export const TypedPassword = Type.String({ minLength: 1, maxLength: 1024, pattern: typed, format: 'password' })

/** The body of `POST /account/password`. */
export const OwnPassword = Type.Object(
  { currentPassword: TypedPassword, newPassword: TypedPassword },
  {
    $id: 'OwnPassword',
    ...closed,
    examples: [{ currentPassword: 'correct horse battery staple', newPassword: 'a kettle full of green dice' }]
  }
)
