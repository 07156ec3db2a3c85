import type { Command } from 'commander'
import { emailPrefix } from '../auth/email.ts'
import { everyPage } from '../auth/every-page.ts'
import type { UserQuery } from '../auth/user-store.ts'
import { asLine, withAdministration, write } from './administration.ts'
import { asSeen, userAsJson, userLine } from './user-text.ts'

/** What `latchkey users list` may be told. */
export interface ListOptions {
  readonly search?: string
  readonly active?: boolean
  readonly inactive?: boolean
  readonly superuser?: boolean
  readonly group?: string
  readonly permission?: string
  readonly backend?: string
  readonly order?: NonNullable<UserQuery['order']>
  readonly descending?: boolean
  readonly json?: boolean
}

/** `latchkey users list`. */
export async function list(options: ListOptions, command: Command): Promise<void> {
  const query = queryOf(options)
  await withAdministration(command, async (tools, { users }) => {
    const superuserBackends = tools.chain.map(({ id }) => id)
    for await (const page of everyPage((from) => users.list({ ...query, superuserBackends, limit: 500, ...from })))
      for (const user of page.map((one) => asSeen(one, tools)))
        write(options.json ? asLine(userAsJson(user)) : `${userLine(user)}\n`)
  })
}

function queryOf({ search, active, inactive, superuser, json: _json, ...rest }: ListOptions): Omit<UserQuery, 'limit'> {
  return {
    ...rest,
    ...(search === undefined ? {} : { search: emailPrefix(search) }),
    ...(active ? { isActive: true } : inactive ? { isActive: false } : {}),
    ...(superuser ? { isSuperuser: true } : {})
  }
}
