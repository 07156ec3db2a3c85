import type { TProperties } from 'typebox'
import Type from '../schema/type.ts'

/** A closed mapping whose keys all have defaults, so that it may be left out. */
export const section = <const Properties extends TProperties>(description: string, properties: Properties) =>
  Type.Object(properties, { additionalProperties: false, default: {}, description })
