import type { Command } from 'commander'
import { atConsole } from '../admin/actor.ts'
import { changeMembers, createGroup, deleteGroup, type GroupPatch, patchGroup } from '../admin/groups.ts'
import { everyPage } from '../auth/every-page.ts'
import type { Group, Member } from '../auth/group-store.ts'
import type { Store } from '../store/index.ts'
import { asLine, collect, find, findGroup, withAdministration, write } from './administration.ts'

interface Json {
  readonly json?: boolean
}

interface OnObject extends Json {
  readonly object?: string
}

const json = ['--json', 'print JSON'] as const

/** `latchkey groups …`: named sets of users that carry permissions. */
export function addGroups(program: Command): void {
  const groups = program.command('groups').description('named sets of users that carry permissions')
  groups
    .command('create <name>')
    .description('create a group')
    .option('--permission <name>', 'what it carries (again and again)', collect, [])
    .option(...json)
    .action((name: string, options: Json & { permission: readonly string[] }, command: Command) =>
      withAdministration(command, async (tools) => {
        print(await createGroup(atConsole, { name, permissions: options.permission }, tools), options, 'created')
      })
    )
  groups
    .command('list')
    .description('list groups')
    .option('--search <prefix>', 'whose name begins so')
    .option('--json', 'print JSON lines')
    .action((options: Json & { search?: string }, command: Command) => list(options, command))
  groups
    .command('show <group>')
    .description('show a group and who is in it')
    .option(...json)
    .action((name: string, options: Json, command: Command) =>
      withAdministration(command, async (_tools, store) => showGroup(await findGroup(name, store), options, store))
    )
  groups
    .command('import <file>')
    .description('create groups from JSON lines (-: standard input); those that are there stay as they are')
    .option('--dry-run', 'tell what would be done, and do nothing')
    .option(...json)
    .action(async (file: string, options: object, command: Command) =>
      (await import('./import-groups.ts')).importGroupsFile(file, options, command)
    )
  groups
    .command('export')
    .description('write all groups to standard output, as JSON lines')
    .action(async (_options: object, command: Command) => (await import('./export-groups.ts')).exportGroups(command))
  rename(groups)
  carry(groups, 'grant', 'let a group carry permissions')
  carry(groups, 'revoke', 'take permissions from a group')
  members(groups, 'add', 'put users into a group, by e-mail, id or login name')
  members(groups, 'remove', 'take users out of a group, by e-mail, id or login name; what a backend mirrors stays')
  groups
    .command('delete <group>')
    .description('delete a group')
    .option(...json)
    .action((name: string, options: Json, command: Command) =>
      withAdministration(command, async (tools, store) => {
        const group = await findGroup(name, store)
        await deleteGroup(atConsole, group.id, tools)
        print(group, options, 'deleted')
      })
    )
}

function rename(groups: Command): void {
  groups
    .command('rename <group> <name>')
    .description('rename a group')
    .option(...json)
    .action((old: string, name: string, options: Json, command: Command) =>
      change(old, { name }, options, command, 'renamed')
    )
}

function carry(groups: Command, kind: 'grant' | 'revoke', text: string): void {
  groups
    .command(`${kind} <group> <permission...>`)
    .description(text)
    .option('--object <type:id>', 'on this object alone')
    .option(...json)
    .action(async (name: string, names: string[], { object, ...options }: OnObject, command: Command) => {
      if (object === undefined) return change(name, { [kind]: names }, options, command, 'changed')
      const { changeOnObject } = await import('./object-grants.ts')
      return changeOnObject(kind, { group: name }, names, { ...options, object }, command)
    })
}

function change(name: string, patch: GroupPatch, options: Json, command: Command, done: string): Promise<void> {
  return withAdministration(command, async (tools, store) => {
    const { id } = await findGroup(name, store)
    print(await patchGroup(atConsole, id, patch, tools), options, done)
  })
}

function members(groups: Command, kind: 'add' | 'remove', text: string): void {
  groups
    .command(`${kind} <group> <user...>`)
    .description(text)
    .option(...json)
    .action((name: string, who: string[], options: Json, command: Command) =>
      withAdministration(command, async (tools, store) => {
        const group = await findGroup(name, store)
        const ids: string[] = []
        for (const one of who) ids.push((await find(one, store)).id)
        const { added, removed } = await changeMembers(atConsole, group.id, { [kind]: ids }, tools)
        const counted = kind === 'add' ? added.length : removed.length
        write(options.json ? asLine({ added, removed }) : `${kind === 'add' ? 'added' : 'removed'} ${counted}\n`)
      })
    )
}

async function list({ search, json: asJson }: Json & { search?: string }, command: Command): Promise<void> {
  await withAdministration(command, async (_tools, { groups }) => {
    const where = { ...(search === undefined ? {} : { search }), limit: 500 }
    for await (const page of everyPage((from) => groups.list({ ...where, ...from })))
      for (const group of page) write(asJson ? asLine(groupAsJson(group)) : line(group))
  })
}

async function showGroup(group: Group, options: Json, store: Store): Promise<void> {
  if (options.json) {
    const members: object[] = []
    for await (const { userId, ...rest } of membersOf(group, store)) members.push({ user: userId, ...rest })
    return write(asLine({ ...groupAsJson(group), members }))
  }
  write(`id          ${group.id}\nname        ${group.name}\npermissions ${group.permissions.join(', ') || 'none'}\n`)
  for await (const { email, origins } of membersOf(group, store))
    write(`member      ${email} (${origins.join(', ')})\n`)
}

async function* membersOf({ id }: Group, { groups }: Store): AsyncGenerator<Member> {
  for await (const page of everyPage((from) => groups.members(id, { limit: 500, ...from }))) yield* page
}

const print = (group: Group, options: Json, done: string): void =>
  write(options.json ? asLine(groupAsJson(group)) : `${done} ${line(group)}`)

const line = ({ id, name, permissions }: Group): string => `${[id, name, ...permissions].join('  ')}\n`

const groupAsJson = ({ id, name, permissions, createdAt, updatedAt }: Group): object => ({
  ...{ id, name, permissions, createdAt: iso(createdAt), updatedAt: iso(updatedAt) }
})

const iso = (at: number): string => new Date(at).toISOString()
