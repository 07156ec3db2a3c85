import type { Command } from 'commander'
import { type ResetStanding, resetFor, standingOf } from '../auth/password-reset.ts'
import type { Mail } from '../auth/reset-mail.ts'
import type { User } from '../auth/user-store.ts'
import { resetToolsOf } from '../resets.ts'
import { secretsOf } from '../secret.ts'
import { asLine, find, withAdministration, write } from './administration.ts'
import { Refused } from './refused.ts'

type ResetLink = NonNullable<Mail['reset']>

const whyNot: Readonly<Record<Exclude<ResetStanding, 'here'>, string>> = {
  inactive: 'is inactive',
  elsewhere: 'has no password here: it is kept where they log in',
  nowhere: 'can have no password here: no backend local is configured'
}

/** `latchkey users reset-link`: the way to a new password, for the help desk to hand on. */
export async function printResetLink(name: string, options: { readonly json?: boolean }, command: Command) {
  const { user, reset } = await withAdministration(command, async (_tools, store, config) => {
    const user = await find(name, store)
    const tools = resetToolsOf(config, store, await secretsOf(config, store))
    const standing = standingOf(user, tools.backends)
    if (standing !== 'here') throw new Refused(`${user.email} ${whyNot[standing]}`)
    return { user, reset: await resetFor(user, tools) }
  })
  show(user, reset, options)
}

/** Nobody sees it before it is written down that it was made. */
function show({ email }: User, { token, link, expiresAt }: ResetLink, { json }: { readonly json?: boolean }): void {
  const expires = new Date(expiresAt).toISOString()
  if (json) {
    write(asLine({ email, token, link: link ?? null, expiresAt: expires }))
    return
  }
  if (link === undefined)
    process.stderr.write(
      'passwords.resetUrl is not set: this is the token alone, for /account/password-reset/confirm\n'
    )
  process.stderr.write(`for ${email}, once, until ${expires}\n`)
  write(`${link ?? token}\n`)
}
