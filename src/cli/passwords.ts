import { text } from 'node:stream/consumers'
import { emailOfText } from '../admin/fields.ts'
import type { AdminTools } from '../admin/tools.ts'
import type { AttributeValue } from '../auth/backend.ts'
import { longest } from '../auth/credentials.ts'
import { Refusal } from '../errors.ts'
import { asked, canAsk } from './asking.ts'
import { Refused } from './refused.ts'

/** How a password is asked for. */
export interface PasswordOptions {
  readonly passwordStdin?: boolean
  /** Nothing typed means that there is to be none. */
  readonly optional?: boolean
  /** What the password must be, where a person types: told at once, and another one asked for. @throws {Refusal} */
  demand?(password: string): Promise<void>
}

/** The policy for somebody who is to be; the e-mail is looked at before anybody types. @throws {InvalidRequest} it is none */
export function demandFor(
  email: string,
  attributes: Readonly<Record<string, AttributeValue | null>>,
  loginNames: readonly string[],
  { passwordPolicy }: AdminTools
): (password: string) => Promise<void> {
  const given = Object.entries(attributes).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))
  const owner = { email: emailOfText(email), attributes: Object.fromEntries(given), loginNames }
  return (password) => passwordPolicy.demand(password, owner)
}

/**
 * The password for a user: from standard input, without one newline at its end, where `--password-stdin` says so; asked for
 * twice where a person types, until it will do; `undefined` where there is to be none, or nobody can be asked.
 * @throws {Refused} it is empty, too long or holds characters that nobody can type; or whoever is asked gives up
 */
export async function readPassword(options: PasswordOptions): Promise<string | undefined> {
  if (options.passwordStdin) return checked((await text(process.stdin)).replace(/\r?\n$/, ''))
  if (!canAsk()) return undefined
  const { log, password: prompt } = await import('@clack/prompts')
  const ask = (message: string): Promise<string> => asked((common) => prompt({ message, ...common }))
  for (;;) {
    const password = await ask(options.optional ? 'Password (none: just Enter)' : 'Password')
    if (password === '' && options.optional) return undefined
    const mistake = await mistakeIn(password, options)
    if (mistake !== undefined) log.error(mistake)
    else if ((await ask('Password again')) === password) return password
    else log.error('the two passwords differ')
  }
}

async function mistakeIn(password: string, { demand }: PasswordOptions): Promise<string | undefined> {
  try {
    await demand?.(checked(password))
    return undefined
  } catch (error) {
    if (error instanceof Refused) return error.message
    if (error instanceof Refusal) return error.description
    throw error
  }
}

function checked(password: string): string {
  if (password === '') throw new Refused('the password is empty')
  if ([...password].length > longest.password)
    throw new Refused(`the password is longer than ${longest.password} characters`)
  if (/[\p{Cc}\p{Cs}\ufffd]/u.test(password)) throw new Refused('the password holds control characters or is not UTF-8')
  return password
}
