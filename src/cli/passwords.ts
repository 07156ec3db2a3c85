import { text } from 'node:stream/consumers'
import { longest } from '../auth/credentials.ts'
import { Refused } from './refused.ts'

/**
 * The password for a user: from standard input, without one newline at its end, where `--password-stdin` says so; asked for
 * twice where a person types; `undefined` where nobody can be asked.
 * @throws {Refused} it is empty, too long or holds characters that nobody can type
 */
export async function readPassword(options: { passwordStdin?: boolean }): Promise<string | undefined> {
  if (options.passwordStdin) return checked((await text(process.stdin)).replace(/\r?\n$/, ''))
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined
  const { isCancel, password: promptPassword } = await import('@clack/prompts')
  const first = await promptPassword({ message: 'Password' })
  const second = isCancel(first) ? first : await promptPassword({ message: 'Password again' })
  if (isCancel(first) || isCancel(second)) throw new Refused('cancelled')
  if (first !== second) throw new Refused('the two passwords differ')
  return checked(first)
}

function checked(password: string | undefined): string {
  if (password === undefined || password === '') throw new Refused('the password is empty')
  if ([...password].length > longest.password)
    throw new Refused(`the password is longer than ${longest.password} characters`)
  if (/[\p{Cc}\p{Cs}\ufffd]/u.test(password)) throw new Refused('the password holds control characters or is not UTF-8')
  return password
}
