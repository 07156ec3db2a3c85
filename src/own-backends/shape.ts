import type { TSchema } from 'typebox'
import type { BackendDefinition } from '../auth/define-backend.ts'
import { commonNames } from '../config/backend-schema.ts'
import Type from '../schema/type.ts'

const vouchings: readonly unknown[] = [undefined, 'always', 'by-domain', 'by-domain-if-verified']
const known = ['options', 'vouches', 'mistakes', 'open']

/** The definition that a module exports by default, or what is wrong with it. */
export function definitionOf(module: unknown): BackendDefinition | string {
  const exported = exportOf(module)
  if (exported === undefined) return 'has no default export: expected export default defineBackend({ … })'
  if (typeof exported !== 'object' || exported === null) {
    return `its default export is ${kindOf(exported)}: expected what defineBackend answers`
  }
  const { options, vouches, mistakes, open } = exported as Record<keyof BackendDefinition, unknown>
  const surplus = Object.keys(exported).find((name) => !known.includes(name))
  if (surplus !== undefined)
    return `its definition has an unknown key ${JSON.stringify(surplus)}: known are ${known.join(', ')}`
  if (typeof open !== 'function') return `its open is ${kindOf(open)}: expected a function`
  if (!vouchings.includes(vouches)) return 'its vouches is none of always, by-domain and by-domain-if-verified'
  if (mistakes !== undefined && typeof mistakes !== 'function')
    return `its mistakes is ${kindOf(mistakes)}: expected a function`
  return mistakeOfOptions(options) ?? (exported as BackendDefinition)
}

/** What a CommonJS module assigns to `module.exports` arrives as the default export, with `default` in it where it was ES once. */
function exportOf(module: unknown): unknown {
  const exported: unknown = Reflect.get(Object(module), 'default')
  const isNested =
    typeof exported === 'object' && exported !== null && '__esModule' in exported && 'default' in exported
  return isNested ? exported.default : exported
}

function mistakeOfOptions(options: unknown): string | undefined {
  const mistake = mistakeOfSchema(options, 'options')
  if (mistake !== undefined) return mistake
  const schema = options as TSchema
  if (!Type.IsObject(schema)) return 'its options must be a Type.Object'
  const taken = Object.keys(schema.properties).find((name) => commonNames.includes(name))
  return taken === undefined ? undefined : `its option ${taken} is one that every backend has: call it otherwise`
}

/** Schemas of any TypeBox 1 carry the mark by which the configuration reads them; no others do. */
function mistakeOfSchema(schema: unknown, place: string): string | undefined {
  const wanted = "make it with Type, which 'latchkey' exports"
  if (typeof schema !== 'object' || schema === null) return `its ${place} is ${kindOf(schema)}: ${wanted}`
  if (Symbol.for('TypeBox.Kind') in schema) return `its ${place} is a schema of @sinclair/typebox: ${wanted}`
  if (!('~kind' in schema)) return `its ${place} is no schema of TypeBox: ${wanted}`
  const { pattern, properties, patternProperties, items, anyOf } = schema as Record<string, unknown>
  if (typeof pattern === 'string' && !isPattern(pattern))
    return `its ${place} has a pattern that is no regular expression`
  const wrong = Object.keys(Object(patternProperties)).find((name) => !isPattern(name))
  if (wrong !== undefined) return `its ${place} has a pattern that is no regular expression`
  const inner: Array<[string, unknown]> = [
    ...Object.entries(Object(properties)).map(([name, one]): [string, unknown] => [`${place}.${name}`, one]),
    ...Object.values(Object(patternProperties)).map((one): [string, unknown] => [`${place}.*`, one]),
    ...(Array.isArray(anyOf) ? anyOf.map((one): [string, unknown] => [place, one]) : []),
    ...(items === undefined ? [] : [[`${place}[]`, items] as [string, unknown]])
  ]
  return inner.map(([at, one]) => mistakeOfSchema(one, at)).find((text) => text !== undefined)
}

function isPattern(source: string): boolean {
  try {
    return new RegExp(source, 'u') instanceof RegExp
  } catch {
    return false
  }
}

/** What something is, in a word. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Promise) return 'a promise'
  return { object: 'an object', function: 'a function', string: 'text' }[typeof value as string] ?? `a ${typeof value}`
}
