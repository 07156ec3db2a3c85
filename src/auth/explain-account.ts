import { InvalidGrant } from '../errors.ts'
import { emailOf, type VouchedEmail } from './email.ts'
import type { Found, Rehearsal } from './explain-chain.ts'
import { emailRemedy } from './explain-words.ts'

/** The fields that the account brings along, and those that users can't have so. */
export function explainAttributes(found: Found, { tell, tools }: Rehearsal): void {
  const { link, identity } = found
  const kept = Object.entries(tools.checked(identity, link).attributes)
  const left = Object.keys(identity.attributes).filter((name) => !kept.some(([field]) => field === name))
  const text = kept.map(([name, value]) => `${name} ${value}`).join(', ')
  tell(link.id, { step: 'attributes', outcome: kept.length === 0 ? 'note' : 'ok', text: text === '' ? 'none' : text })
  if (left.length === 0) return
  const remedy = 'declare them under `users.attributes`, with a type and length that they have'
  tell(link.id, { step: 'attributes', outcome: 'failed', text: `left out: ${left.join(', ')}`, remedy })
}

/** The address that the account gives its user; undefined where it has none that is usable. */
export function explainEmail({ link, identity }: Found, { tell }: Rehearsal): VouchedEmail | undefined {
  try {
    const email = emailOf(identity, link)
    const vouched = email.vouched ? 'vouched for' : 'not vouched for: it joins nobody who has it already'
    tell(link.id, { step: 'email', outcome: 'ok', text: `${email.value}, ${vouched}` })
    return email
  } catch (error) {
    if (!(error instanceof InvalidGrant)) throw error
    const given = identity.emails.length === 0 ? 'it gave none' : `it gave ${identity.emails.join(', ')}`
    const text = `${String(error.cause)}: ${given}`
    tell(link.id, { step: 'email', outcome: 'failed', text, remedy: emailRemedy(identity, link) })
    return undefined
  }
}
