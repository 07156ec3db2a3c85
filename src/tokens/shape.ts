import { createRequire } from 'node:module'
import type { ValidateFunction } from 'ajv'
import type { Static, TSchema } from 'typebox'

const require = createRequire(import.meta.url)

/** A check whether a foreign value has a schema's shape, compiled by Ajv when the first value comes: no start waits for it. */
export function createShape<Schema extends TSchema>(schema: Schema): (value: unknown) => value is Static<Schema> {
  let validate: ValidateFunction | undefined
  return (value): value is Static<Schema> => {
    validate ??= compiled(schema)
    return validate(value)
  }
}

function compiled(schema: TSchema): ValidateFunction {
  const { Ajv }: typeof import('ajv') = require('ajv')
  return new Ajv({
    coerceTypes: false,
    removeAdditional: false,
    allowUnionTypes: true,
    validateFormats: false
  }).compile(schema)
}
