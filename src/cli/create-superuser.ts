import type { Command } from 'commander'
import { atConsole } from '../admin/actor.ts'
import { checkedValue, emailOfText, isBlank } from '../admin/fields.ts'
import type { AdminTools } from '../admin/tools.ts'
import { createUser } from '../admin/users.ts'
import type { AttributeValue } from '../auth/backend.ts'
import { Refusal } from '../errors.ts'
import { attributesOf, withAdministration } from './administration.ts'
import { asked, canAsk } from './asking.ts'
import { show } from './one-user.ts'
import { demandFor, readPassword } from './passwords.ts'
import { Refused } from './refused.ts'

interface Options {
  readonly email?: string
  readonly passwordStdin?: boolean
  readonly attribute?: readonly string[]
  readonly json?: boolean
}

/** `latchkey users create-superuser`: asks for the e-mail, every required field and the password, where they are not given. */
export async function createSuperuser(options: Options, command: Command): Promise<void> {
  await withAdministration(command, async (tools, store) => {
    const given = attributesOf(options.attribute ?? [])
    const email = options.email ?? (await ask('E-mail', (text) => emailOfText(text)))
    const attributes = { ...given, ...(await missing(given, tools)) }
    const password = await readPassword({ ...options, demand: demandFor(email, attributes, [], tools) })
    if (password === undefined) throw new Refused('there is no password: use --password-stdin')
    const user = await createUser(atConsole, { email, attributes, password, isSuperuser: true }, tools)
    await show(user, options, 'created', { tools, store })
  })
}

async function missing(given: Readonly<Record<string, unknown>>, { attributes }: AdminTools) {
  const asked: Record<string, AttributeValue> = {}
  for (const [name, { required, type }] of Object.entries(attributes)) {
    if (!required || (given[name] ?? null) !== null) continue
    asked[name] = await ask(
      `${name} (${type})`,
      (text) => checkedValue(name, text, attributes),
      `--attribute ${name}=…`
    )
  }
  return asked
}

/** Asks until the answer will do. @throws {Refused} nobody can be asked, or whoever is asked gives up */
async function ask(message: string, check: (text: string) => unknown, option = '--email'): Promise<string> {
  if (!canAsk()) throw new Refused(`nobody can be asked: use ${option}`)
  const { text } = await import('@clack/prompts')
  return asked((common) => text({ message, validate: (value) => mistakeIn(value ?? '', check), ...common }))
}

function mistakeIn(value: string, check: (text: string) => unknown): string | undefined {
  if (isBlank(value)) return 'it is needed'
  try {
    check(value)
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error.description
    throw error
  }
}
