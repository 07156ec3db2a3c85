import type { TSchema } from 'typebox'
import Type from '../../../schema/type.ts'
import { closed, ref } from '../words.ts'

/** A moment as text. */
export const Time = Type.String({ format: 'date-time' })

/** A moment, or null. */
export const TimeOrNull = Type.Union([Time, Type.Null()])

/** Text, or null. */
export const TextOrNull = Type.Union([Type.String(), Type.Null()])

/** The id in a path. */
export const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 255 }) })

/** What every list takes. */
export const page = {
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'How many at most' }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 2048, description: 'The `next` of the page before' }))
} as const

/** A prefix that a list is searched by. */
export const search = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000-\\u001f\\u007f]*$', description }))

/** The query of a list; unknown parameters are refused. */
export const listQuery = <Properties extends Record<string, TSchema>>(properties: Properties) =>
  Type.Object({ ...properties, ...page }, closed)

/** A page of a list. */
export const pageOf = <Schema extends TSchema>(item: Schema, description: string) =>
  Type.Object(
    {
      items: Type.Array(ref(item)),
      next: Type.Union([Type.String(), Type.Null()], { description: 'The next cursor' })
    },
    { description }
  )

/** The header that makes a change conditional (RFC 9110 13.1.1); optional. */
export const IfMatch = Type.Object({
  'if-match': Type.Optional(Type.String({ maxLength: 1024, description: 'An ETag that was read before, or `*`' }))
})

/** The header of an answer that can be changed conditionally. */
const etagHeader = {
  ETag: { type: 'string', description: 'For If-Match' }
}

/** An answer with an ETag. */
export const tagged = <Schema extends TSchema>(schema: Schema, description: string): object => ({
  description,
  headers: etagHeader,
  content: { 'application/json': { schema: ref(schema) } }
})

/** An answer without a body. */
export const nothing = (description: string) => ({ type: 'null', description }) as const
