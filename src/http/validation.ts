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
    const ajv: typeof import('ajv') = require('ajv')
    const made = new ajv.Ajv({ ...strict, allErrors, coerceTypes: isBody ? false : 'array' })
    measureQuickly(made, ajv)
    for (const schema of schemas) made.addSchema(schema)
    validators.set(isBody, made)
    return made
  }
  app.setValidatorCompiler<object>(({ schema, httpPart }) => {
    let validate: ValidateFunction | undefined
    const integers = httpPart === 'body' ? [] : integersOf(schema)
    return (value: unknown) => {
      const odd = integers.find((name) => isOddNumber((value as Readonly<Record<string, unknown>>)[name]))
      if (odd !== undefined) return { error: [noInteger(odd)] }
      validate ??= validatorFor(httpPart === 'body').compile(schema)
      return validate(value) ? { value } : { error: (validate.errors ?? []) as FastifySchemaValidationError[] }
    }
  })
  app.setSerializerCompiler(() => JSON.stringify)
}

/** The parameters of a path or a query that are integers. */
function integersOf(schema: object): readonly string[] {
  const { properties = {} } = schema as { readonly properties?: Readonly<Record<string, { readonly type?: string }>> }
  return Object.keys(properties).filter((name) => properties[name]?.type === 'integer')
}

/** Ajv reads text as JavaScript does: `Infinity`, to which it holds no maximum, `0x10` and ` 5` too. */
const isOddNumber = (value: unknown): boolean => typeof value === 'string' && !/^-?\d{1,15}$/.test(value)

const noInteger = (name: string): FastifySchemaValidationError => ({
  keyword: 'type',
  instancePath: `/${name}`,
  schemaPath: `#/properties/${name}/type`,
  params: { type: 'integer' },
  message: 'must be integer'
})

/**
 * The lengths of texts in characters, as JSON Schema counts them, without counting where the number of code units says it all:
 * Ajv goes through a token of a thousand characters twice, which took a twentieth of an introspection.
 */
function measureQuickly(made: AjvType, { _, str }: typeof import('ajv')): void {
  const rules = [
    { keyword: 'minLength', word: 'fewer', fits: (length: number, limit: number) => length >= limit },
    { keyword: 'maxLength', word: 'more', fits: (length: number, limit: number) => length <= limit }
  ]
  for (const { keyword, word, fits } of rules) {
    made.removeKeyword(keyword)
    made.addKeyword({
      keyword,
      type: 'string',
      schemaType: 'number',
      before: 'pattern',
      compile: (limit: number) => (text: string) =>
        // of a text there are at most as many characters as code units, and at least half as many
        (fits(text.length, limit) && fits(text.length / 2, limit)) || fits([...text].length, limit),
      error: {
        message: ({ schemaCode }) => str`must NOT have ${word} than ${schemaCode} characters`,
        params: ({ schemaCode }) => _`{limit: ${schemaCode}}`
      }
    })
  }
}
