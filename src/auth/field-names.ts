import { builtInAttributes } from './attribute-checks.ts'
import type { AttributeValue, Backend, Identity, IdentityAnswer, Verdict } from './backend.ts'

/** What a user's fields are called at a source, where otherwise: of several names, the first that has a value. */
export type FieldNames = Readonly<Record<string, string | readonly string[]>>

/**
 * A backend whose accounts have their fields under other names. What became a field is no longer there by its old name,
 * unless that is a field as well.
 * @param userFields the names of one's own fields
 */
export function withFieldNames(backend: Backend, names: FieldNames, userFields: readonly string[] = []): Backend {
  if (Object.keys(names).length === 0) return backend
  const named = renaming(names, new Set([...Object.keys(builtInAttributes), ...userFields]))
  const verdict = (given: Verdict): Verdict =>
    given.outcome === 'accepted' ? { ...given, identity: named(given.identity) } : given
  const answer = (given: IdentityAnswer): IdentityAnswer =>
    given.state === 'present' ? { ...given, identity: named(given.identity) } : given
  const { lookUp, identity, identities } = backend
  return {
    ...backend,
    authenticate: async (credentials, context) => verdict(await backend.authenticate(credentials, context)),
    ...(lookUp && { lookUp: async (username, context) => verdict(await lookUp(username, context)) }),
    ...(identity && { identity: async (subject, context) => answer(await identity(subject, context)) }),
    ...(identities && {
      async *identities(context) {
        for await (const each of identities(context)) yield named(each)
      }
    })
  }
}

function renaming({ email, ...others }: FieldNames, fields: ReadonlySet<string>): (identity: Identity) => Identity {
  const wanted = Object.entries(others).map(([field, name]) => [field, [name].flat()] as const)
  const old = wanted.flatMap(([, names]) => names).filter((name) => !fields.has(name))
  const replaced = new Set([...old, ...wanted.map(([field]) => field)])
  return (identity) => {
    const values = new Map(Object.entries<AttributeValue>({ ...identity.attributes, ...identity.source }))
    const firstOf = (names: readonly string[]) =>
      names.map((name) => values.get(name)).find((value) => value !== undefined)
    const kept = Object.entries(identity.attributes).filter(([name]) => !replaced.has(name))
    const found = wanted.flatMap(([field, names]) => {
      const value = firstOf(names)
      return value === undefined ? [] : [[field, value] as const]
    })
    const named = { ...identity, attributes: Object.fromEntries([...kept, ...found]) }
    if (email === undefined) return named
    // What the source calls verified is the address that it calls the address.
    const { emailVerified, ...unverified } = named
    const emails = [firstOf([email].flat()) ?? []].flat().map(String)
    return { ...unverified, emails, ...(emailVerified === false && { emailVerified }) }
  }
}
