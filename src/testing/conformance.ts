import { cases } from './cases.ts'
import type { Conforming } from './conforming.ts'
import { headerCases } from './header-cases.ts'
import { passwordCases } from './password-cases.ts'
import { subjectOf } from './subject.ts'
import { tokenCases } from './token-cases.ts'

/** A test of any runner that can hold others: what `tap` and `node:test` call `t`, and what they export. */
export interface TestRunner {
  test(name: string, check: () => Promise<void>): PromiseLike<unknown>
}

/**
 * What every backend does, whatever is behind it: a case each, in order, the outage last. Which kind of credentials it is
 * tried with says what `open` answers; a backend that takes several is tried with each. It is closed at the end.
 * @param t the test that the cases are made in
 * @param open is called once
 */
export async function conformanceOf<Runner extends TestRunner>(
  t: Runner,
  open: (t: Runner) => Promise<Conforming>
): Promise<void> {
  const given = await open(t)
  const subject = await subjectOf(given)
  const { outage, ...common } = cases
  try {
    for (const [name, check] of Object.entries(common)) await t.test(name, () => check(subject))
    for (const [name, check] of Object.entries(casesOf(given))) await t.test(name, () => check(subject))
    await t.test('takes an outage for no answer, and gives nothing away', () => outage(subject))
  } finally {
    await subject.backend.close?.()
  }
}

function casesOf(given: Conforming) {
  if ('token' in given) return tokenCases(given)
  return 'headers' in given ? headerCases(given) : passwordCases(given)
}
