import { type AttributeRule, builtInAttributes, conforming } from '../auth/attribute-checks.ts'
import { localType, mergeAttributes } from '../auth/attributes.ts'
import type { Attributes, AttributeValue } from '../auth/backend.ts'
import { canonicalEmail } from '../auth/email.ts'
import type { User } from '../auth/user-store.ts'
import { fieldReadOnly, invalidField } from './field-errors.ts'
import type { AdminTools } from './tools.ts'

/** Values by name; null takes one away. */
export type AttributeChange = Readonly<Record<string, AttributeValue | null>>

/** The canonical e-mail of a text. @throws {InvalidRequest} it is none */
export function emailOfText(text: string): string {
  const email = canonicalEmail(text)
  if (email === undefined) throw invalidField('email', 'that is no e-mail address')
  return email
}

/** The backend that brings a user's e-mail, and would bring it again at the next login; `undefined`: nobody does. */
export function emailOwner({ identities }: Pick<User, 'identities'>, { chain }: Pick<AdminTools, 'chain'>) {
  const known = new Set(identities.map(({ backend }) => backend))
  const first = chain.find(({ id }) => known.has(id))
  return first && first.type !== localType && first.updateAttributes === 'always' ? first.id : undefined
}

/** The backend whose value of a field goes before ours; `undefined`: none. */
function attributeOwner(
  name: string,
  { identities }: Pick<User, 'identities'>,
  { chain }: Pick<AdminTools, 'chain'>
): string | undefined {
  for (const { id, type } of chain) {
    if (type === localType) return undefined
    if (identities.some(({ backend, attributes }) => backend === id && Object.hasOwn(attributes, name))) return id
  }
  return undefined
}

/** The rule of a field, built in or declared. @throws {InvalidRequest} there is no such field */
function ruleOf(name: string, attributes: AdminTools['attributes']): AttributeRule {
  const rule = Object.hasOwn(builtInAttributes, name) ? builtInAttributes[name] : undefined
  const declared = Object.hasOwn(attributes, name) ? attributes[name] : undefined
  const found = rule ?? declared
  if (!found) throw invalidField(name, 'there is no such field')
  return found
}

/** A value as its field wants it. @throws {InvalidRequest} it is of another type, or too long */
export function checkedValue(name: string, value: AttributeValue, attributes: AdminTools['attributes']) {
  const rule = ruleOf(name, attributes)
  const checked = conforming(value, rule)
  if (checked !== undefined) return checked
  const expected =
    rule.type === 'string'
      ? `text of ${rule.maxLength} characters at most, none of them a control character`
      : `a ${rule.type}`
  throw invalidField(name, `expected ${expected}`)
}

/** Whether a field says nothing: empty text is no answer where one is required, as in Django's forms. */
export const isBlank = (value: AttributeValue | undefined): boolean =>
  value === undefined || (typeof value === 'string' && value.trim() === '')

/** The fields of somebody new. @throws {InvalidRequest} one is wrong, or a required one is missing */
export function newAttributes(given: AttributeChange, { attributes }: Pick<AdminTools, 'attributes'>): Attributes {
  const own = applied({}, given, attributes)
  for (const [name, { required }] of Object.entries(attributes)) {
    if (required && isBlank(own[name])) throw invalidField(name, 'every user must have it')
  }
  return own
}

/**
 * Our own values and the merged ones after a change.
 * @throws {FieldReadOnly} a backend owns one @throws {InvalidRequest} one is wrong, or a required one would be gone
 */
export function changedAttributes(
  user: User,
  change: AttributeChange,
  tools: AdminTools
): Pick<User, 'attributes' | 'ownAttributes'> {
  for (const name of Object.keys(change)) if (!Object.hasOwn(user.attributes, name)) ruleOf(name, tools.attributes)
  // a value that is there already may be sent back as it was read
  const differing = Object.entries(change).filter(([name, value]) => (user.attributes[name] ?? null) !== value)
  for (const [name] of differing) {
    ruleOf(name, tools.attributes)
    const owner = attributeOwner(name, user, tools)
    if (owner !== undefined) throw fieldReadOnly(name, owner)
  }
  const ownAttributes = applied(user.ownAttributes, Object.fromEntries(differing), tools.attributes)
  const attributes = mergeAttributes(tools.chain, user.identities, ownAttributes)
  for (const [name] of differing) {
    if (tools.attributes[name]?.required && isBlank(attributes[name]))
      throw invalidField(name, 'every user must have it')
  }
  return { attributes, ownAttributes }
}

function applied(before: Attributes, change: AttributeChange, attributes: AdminTools['attributes']): Attributes {
  const after: Record<string, AttributeValue> = { ...before }
  for (const [name, value] of Object.entries(change)) {
    if (value === null) {
      ruleOf(name, attributes)
      delete after[name]
    } else after[name] = checkedValue(name, value, attributes)
  }
  return after
}
