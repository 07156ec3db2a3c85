import { FieldReadOnly, InvalidRequest } from '../errors.ts'

/** Fields of a user that stand beside `attributes` in its JSON, where one's own are. */
const besideAttributes: readonly string[] = [
  ...[
    'email',
    'password',
    'isActive',
    'isSuperuser',
    'groups',
    'permissions',
    'loginNames',
    'backend',
    'subject',
    'username'
  ],
  ...['name', 'description', 'firstName', 'lastName', 'displayName', 'initials', 'employeeNumber']
]

const pointerTo = (field: string): string =>
  `${besideAttributes.includes(field) ? '' : '/attributes'}/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`

/** A field of something that is administered is wrong, and what was expected of it. */
export const invalidField = (field: string, detail: string): InvalidRequest =>
  new InvalidRequest(`${field}: ${detail}`, undefined, [{ pointer: pointerTo(field), detail }])

/** The field's value is a backend's. */
export const fieldReadOnly = (field: string, backend: string): FieldReadOnly =>
  new FieldReadOnly(field, backend, pointerTo(field))
