import Type from '../../schema/type.ts'
import { closed, typed } from './words.ts'

/** A password as it is typed; what else it must be is the policy's. */
const TypedPassword = Type.String({ minLength: 1, maxLength: 1024, pattern: typed, format: 'password' })

/** The body of `POST /account/password`. */
export const OwnPassword = Type.Object(
  { currentPassword: TypedPassword, newPassword: TypedPassword },
  {
    $id: 'OwnPassword',
    ...closed,
    examples: [{ currentPassword: 'correct horse battery staple', newPassword: 'a kettle full of green dice' }]
  }
)

/** The body of `POST /account/password-reset`. */
export const ResetRequest = Type.Object(
  { email: Type.String({ minLength: 1, maxLength: 320, pattern: typed }) },
  { $id: 'ResetRequest', ...closed, examples: [{ email: 'ann@example.com' }] }
)

/** The body of `POST /account/password-reset/confirm`. */
export const PasswordReset = Type.Object(
  { token: Type.String({ minLength: 1, maxLength: 1024 }), newPassword: TypedPassword },
  { $id: 'PasswordReset', ...closed, examples: [{ token: 'AaIB…', newPassword: 'a kettle full of green dice' }] }
)
