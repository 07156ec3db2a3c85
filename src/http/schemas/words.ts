import type { Static, TSchema } from 'typebox'
import Type from '../../schema/type.ts'

/** A reference to a schema that the application has been given by its $id. */
export const ref = <Schema extends TSchema>(schema: Schema): ReturnType<typeof Type.Unsafe<Static<Schema>>> =>
  Type.Unsafe<Static<Schema>>(Type.Ref(`${(schema as { $id?: string }).$id ?? ''}#`))

/** No other fields. */
export const closed = { additionalProperties: false } as const

/** Text that a person typed: no control characters, no lone surrogates, and no U+FFFD, which stands where bytes were not UTF-8. */
export const typed = '^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd\\ud800-\\udfff]*$'

/** One text, or several. */
export const OneOrMore = (description: string): ReturnType<typeof Type.Unsafe<string | string[]>> =>
  Type.Unsafe<string | string[]>({
    description,
    anyOf: [
      { type: 'string', minLength: 1, maxLength: 1024 },
      { type: 'array', items: { type: 'string', minLength: 1, maxLength: 1024 }, maxItems: 10 }
    ]
  })

/** A token of any kind, as it comes in. */
export const Token = Type.String({ minLength: 1, maxLength: 65_536 })

/** How a client says in the body who it is (RFC 6749 2.3.1, RFC 7523 2.2). */
export const clientFields = {
  client_id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  client_secret: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, format: 'password' })),
  client_assertion_type: Type.Optional(
    Type.String({ maxLength: 255, description: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' })
  ),
  client_assertion: Type.Optional(
    Type.String({ minLength: 1, maxLength: 8192, description: 'A JWT that the client signed (private_key_jwt)' })
  )
}
