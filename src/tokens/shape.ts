import { Ajv } from 'ajv'
import type { Static, TSchema } from 'typebox'

const ajv = new Ajv({ coerceTypes: false, removeAdditional: false, allowUnionTypes: true, validateFormats: false })

/** A check whether a foreign value has a schema's shape, compiled by Ajv, which is loaded for the routes anyway. */
export function createShape<Schema extends TSchema>(schema: Schema): (value: unknown) => value is Static<Schema> {
  const validate = ajv.compile<Static<Schema>>(schema)
  return (value): value is Static<Schema> => validate(value)
}
