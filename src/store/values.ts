/** What may stand for a parameter of a statement. */
export type Value = string | number | boolean | Buffer | null

/** Drivers give objects a meaning of their own (mysql2: SQL; SQLite: named parameters): nothing but plain values passes. */
export const plainValue = (value: unknown): Value => {
  if (value === null || Buffer.isBuffer(value)) return value
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw new TypeError(`a ${typeof value} is no value for a statement`)
}
