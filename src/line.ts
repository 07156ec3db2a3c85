/**
 * Those who wait for something, the first at the front. An array: a table that a `Set` or `Map` has outgrown goes on holding who
 * was in it, and points to the next table. Once one of them is among the old objects, V8's quick collection keeps all that
 * follow, and with them every request that ever waited, until the slow one.
 */
export type Line<One> = One[]

/** Somebody goes, as a rule from the front; whoever is not in line any more is no mistake. */
export function leave<One>(line: Line<One>, one: One): void {
  const at = line.indexOf(one)
  if (at >= 0) line.splice(at, 1)
}
