import type { HandedOn } from './auth/ports.ts'

/** What the backends of one configuration leave to those of the next. */
export interface Legacy extends HandedOn {
  /** For the configuration that takes this one's place. */
  next(): Legacy
}

/** @param left what the configuration before made */
export function createLegacy(left: ReadonlyMap<string, unknown> = new Map()): Legacy {
  const made = new Map<string, unknown>()
  return {
    of<Value>(key: string, create: (before: Value | undefined) => Value): Value {
      const value = create(left.get(key) as Value | undefined)
      made.set(key, value)
      return value
    },
    next: () => createLegacy(made)
  }
}
