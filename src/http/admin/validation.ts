import { createRequire } from 'node:module'
import type { Ajv as AjvType, ValidateFunction } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import { administrative } from '../schemas/admin.ts'
import type { App } from '../server.ts'

const require = createRequire(import.meta.url)
const options = { removeAdditional: false, useDefaults: true, validateFormats: false, allErrors: true } as const

/**
 * Compiles a route's schemas when its first request comes, since few processes ever serve most of them, and names every
 * mistake of a body at once.
 */
export function validateLazily(scope: App): void {
  const validators = new Map<boolean, AjvType>()
  const validatorFor = (isBody: boolean): AjvType => {
    const known = validators.get(isBody)
    if (known) return known
    const { Ajv }: typeof import('ajv') = require('ajv')
    const made = new Ajv({ ...options, coerceTypes: isBody ? false : 'array' })
    for (const schema of administrative) made.addSchema(schema)
    validators.set(isBody, made)
    return made
  }
  scope.setValidatorCompiler<object>(({ schema, httpPart }) => {
    let validate: ValidateFunction | undefined
    return (value: unknown) => {
      validate ??= validatorFor(httpPart === 'body').compile(schema)
      return validate(value) ? { value } : { error: (validate.errors ?? []) as FastifySchemaValidationError[] }
    }
  })
  scope.setSerializerCompiler(() => JSON.stringify)
}
