import type { AdministrationTransaction } from '../auth/administration-store.ts'
import { canonicalEmail } from '../auth/email.ts'
import { loginName } from '../auth/names.ts'
import type { User } from '../auth/user-store.ts'
import { AlreadyExists } from '../errors.ts'
import { invalidField } from './field-errors.ts'

/** Login names as they are compared, each once. @throws {InvalidRequest} one is none */
export function loginNames(names: readonly string[]): readonly string[] {
  const canonical = names.map((text) => {
    const name = loginName(text)
    if (name === undefined) throw invalidField('loginNames', `${JSON.stringify(text)} is no login name`)
    return name
  })
  return [...new Set(canonical)]
}

/**
 * Makes a user's login names exactly these.
 * @throws {AlreadyExists} somebody else has one, or has it as an e-mail
 */
export async function makeLoginNames(
  { id, email }: Pick<User, 'id' | 'email'>,
  wanted: readonly string[],
  { users, imports }: AdministrationTransaction,
  at: number
): Promise<void> {
  const before = await users.loginNames(id)
  const added = wanted.filter((name) => !before.includes(name))
  if ((await takenNames([{ email, loginNames: added }], imports)).size > 0)
    throw new AlreadyExists('Somebody else has this login name, or has it as an e-mail')
  await users.setLoginNames(id, wanted, at)
}

/** Which of the login names of users who are to be created can't be theirs: somebody has them, also as an e-mail. */
export async function takenNames(
  users: ReadonlyArray<{ readonly email: string; readonly loginNames: readonly string[] }>,
  imports: AdministrationTransaction['imports']
): Promise<Set<string>> {
  const wanted = users.flatMap(({ email, loginNames: names }) =>
    names.map((name) => ({ name, address: canonicalEmail(name), email }))
  )
  const others = wanted.flatMap(({ address, email }) => (address === undefined || address === email ? [] : [address]))
  const addresses = new Set([...(await imports.takenEmails(others)), ...users.map(({ email }) => email)])
  const taken = await imports.takenLoginNames(wanted.map(({ name }) => name))
  const shadowing = wanted.filter(
    ({ address, email }) => address !== undefined && address !== email && addresses.has(address)
  )
  return new Set([...taken, ...shadowing.map(({ name }) => name)])
}
