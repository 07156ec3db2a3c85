import type { Deadline } from './connections/deadline.ts'
import { LdapFailure } from './connections/failure.ts'
import type { Entry } from './entry.ts'
import type { SubjectRule } from './subject.ts'

/** Who an entry is, told to whoever wants to know. @throws {LdapFailure} as the rule does */
export const tracedSubject = (rule: SubjectRule, entry: Entry, { trace }: Pick<Deadline, 'trace'>): string => {
  try {
    const subject = rule.read(entry)
    trace?.({ step: 'entry', outcome: 'ok', text: `${entry.dn}, whose ${rule.attribute} is ${subject}` })
    return subject
  } catch (error) {
    if (error instanceof LdapFailure) {
      const remedy = `let the service account read ${rule.attribute}, or name another attribute that never changes as \`subject\``
      trace?.({ step: 'entry', outcome: 'failed', text: `${entry.dn}: ${error.message}`, remedy })
    }
    throw error
  }
}
