const steps = [500, 50, 5, 1] as const

const stepOf = (left: number): number => steps.find((step) => step <= left) ?? 1

/**
 * Rows for one statement each, 500 at most (SQLite takes 32,766 values, MySQL 65,535). A number of rows is a text of its own,
 * which driver and database keep prepared, half a megabyte and more: of all numbers, few are made use of.
 */
export const portionsOf = <Row>(rows: readonly Row[]): Row[][] => {
  const portions: Row[][] = []
  for (let at = 0; at < rows.length; ) {
    const left = rows.length - at
    const size = left >= steps[0] ? steps[0] : left - (left % stepOf(left))
    portions.push(rows.slice(at, at + size))
    at += size
  }
  return portions
}

/** The same for values of which only whether they are there matters: the last one is repeated up to such a number. */
export const listsOf = <Value>(values: readonly Value[]): Value[][] => {
  const lists: Value[][] = []
  for (let at = 0; at < values.length; at += steps[0]) {
    const some = values.slice(at, at + steps[0])
    const step = some.length > steps[1] ? steps[1] : steps[2]
    const missing = Math.ceil(some.length / step) * step - some.length
    lists.push(some.concat(some.slice(-1).flatMap((last) => Array<Value>(missing).fill(last))))
  }
  return lists
}
