import { createRequire } from 'node:module'
import type { Ajv as AjvType, Options, ValidateFunction } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import type { TSchema } from 'typebox'
import type { App } from './server.ts'

const require = createRequire(import.meta.url)
/** Ajv would turn null into "" and drop unknown fields in silence. Our schemas are held by tests, not at each start. */
const strict = {
  ...{ removeAdditional: false, useDefaults: true, discriminator: true, validateFormats: false },
  ...{ coerceTypes: false, validateSchema: false, allowUnionTypes: true }
} as const satisfies Options

/**
 * Validates what comes in strictly, query strings and paths alone being text that may become numbers. A route's schemas are
 * compiled when its first request comes, since no process serves all of them and a start waits for none; answers are
 * written as they are, since our own code made them.
 * @param options.schemas what the routes refer to by $id; @param options.allErrors names every mistake of a body at once
 */
export function validateLazily(
  app: App,
  { schemas, allErrors = false }: { readonly schemas: readonly TSchema[]; readonly allErrors?: boolean }
): void {
  const validators = new Map<boolean, AjvType>()
  const validatorFor = (isBody: boolean): AjvType => {
    const known = validators.get(isBody)
    if (known) return known
    const { Ajv }: typeof import('ajv') = require('ajv')
    const made = new Ajv({ ...strict, allErrors, coerceTypes: isBody ? false : 'array' })
    for (const schema of schemas) made.addSchema(schema)
    validators.set(isBody, made)
    return made
  }
  app.setValidatorCompiler<object>(({ schema, httpPart }) => {
    let validate: ValidateFunction | undefined
    return (value: unknown) => {
      validate ??= validatorFor(httpPart === 'body').compile(schema)
      return validate(value) ? { value } : { error: (validate.errors ?? []) as FastifySchemaValidationError[] }
    }
  })
  app.setSerializerCompiler(() => JSON.stringify)
}
