import type { Test } from 'tap'

/** As `t.match`, but a list has as many items as the pattern: tap lets a longer one pass, and any one where none was expected. */
export function matchLists(
  t: Pick<Test, 'match' | 'same'>,
  found: unknown,
  pattern: object,
  message = 'as expected'
): void {
  t.match(found, pattern, message)
  t.same(lengthsOf(found, pattern), lengthsOf(pattern, pattern), `${message}: no list is longer`)
}

/** How long each list is where the pattern has one, by its place. */
function lengthsOf(found: unknown, pattern: object, place = ''): string[] {
  const own = Array.isArray(pattern) ? [`${place}: ${Array.isArray(found) ? found.length : typeof found}`] : []
  const within = Object.entries(pattern).flatMap(([name, inner]) =>
    typeof inner === 'object' && inner !== null && !(inner instanceof RegExp)
      ? lengthsOf(Reflect.get(Object(found), name), inner, `${place}/${name}`)
      : []
  )
  return [...own, ...within]
}
