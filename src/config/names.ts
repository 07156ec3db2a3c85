import type { TStringOptions } from 'typebox'
import { permissionPattern as permission } from '../auth/names.ts'
import Type from '../schema/type.ts'

/** Text that is not empty, without control characters. */
export const text = (options: TStringOptions = {}) =>
  Type.String({ minLength: 1, maxLength: 1024, pattern: '^[^\\u0000-\\u001f\\u007f]*$', ...options })

/** A permission's name, `app_label.codename`; every one of them is also a scope token (RFC 6749 3.3). */
export const PermissionName = Type.String({
  pattern: permission,
  maxLength: 255,
  expected: 'a permission such as blog.change_post'
})

/** A glob over permission names, in which `*` stands for any run of characters. */
export const PermissionPattern = Type.String({
  pattern: '^[A-Za-z0-9_.:/+@~*-]+$',
  maxLength: 255,
  expected: 'a permission or a pattern such as blog.*'
})

/** An address or a range of them, never a bare number; what the pattern lets through is checked by node:net. */
export const Cidr = Type.String({
  pattern: '^(?=[^/]*[.:])[0-9a-fA-F.:]+(/[0-9]{1,3})?$',
  expected: 'an address or CIDR such as 10.0.0.0/8'
})

/** The id of a backend: stands in tokens, logs, metrics and the database. */
export const BackendId = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  expected: 'an id of letters, digits, dots, dashes and underscores, 64 at most'
})

/** The id of a client or an audience: printable ASCII (RFC 6749 appendix A.1), without space, quotes and backslash. */
export const identifier = (expected: string, description: string, maxLength = 255) =>
  Type.String({ pattern: '^[!#-\\[\\]-~]+$', maxLength, expected, description })

/** What users' fields are called elsewhere: by the name of a field one name, or several in their order. */
export const fieldNames = (description: string, options: { readonly default?: Record<string, never> } = {}) =>
  Type.Record(
    Type.String({ pattern: '^[a-z][A-Za-z0-9_]{0,62}$' }),
    Type.Union([text({ maxLength: 255 }), Type.Array(text({ maxLength: 255 }), { minItems: 1 })], {
      expected: 'a name, or a list of names'
    }),
    { keys: 'the name of a field', description, ...options }
  )

/** The key of permission names in a mapping. */
export const permissionKeys = { keys: 'a permission such as blog.change_post' }

/** The pattern of permission names, for the keys of a mapping. */
export const PermissionKey = Type.String({ pattern: permission })
