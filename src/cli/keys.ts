import { type Command, Option } from 'commander'
import { secretsOf } from '../secret.ts'
import { rotationToolsOf } from '../signing-keys.ts'
import { commitKeys, keyAsJson, type RotationRefusal, revokeKeyById, rotateKeys } from '../tokens/key-administration.ts'
import { checkSecret } from '../tokens/key-ring.ts'
import type { Algorithm, StoredKey } from '../tokens/key-store.ts'
import { isOwn } from '../tokens/new-key.ts'
import { type CommitKeys, type RotationTools, usualLeadMs } from '../tokens/rotation.ts'
import { asLine, write } from './administration.ts'
import { withStore } from './configuration.ts'
import { Refused } from './refused.ts'

interface Json {
  readonly json?: boolean
}

interface RotateOptions extends Json {
  readonly algorithm?: Algorithm
  readonly now?: boolean
}

/** `latchkey keys …`: what tokens are signed with. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys that tokens are signed with')
  keys
    .command('list')
    .description('list the keys, oldest first')
    .option('--search <prefix>', 'whose id begins so')
    .option('--json', 'print JSON lines')
    .action(({ search = '', json }: Json & { search?: string }, command: Command) =>
      withStore(command, async ({ keys: store }) => {
        const found = (await store.all()).filter(({ kid }) => kid.startsWith(search))
        for (const key of found) write(json ? asLine(keyAsJson(key)) : keyLine(key))
      })
    )
  keys
    .command('rotate')
    .description('publish the next key, which signs a quarter of an hour later')
    .addOption(
      new Option('--algorithm <name>', 'this algorithm only').choices(['ES256', 'RS256', 'EdDSA'] satisfies Algorithm[])
    )
    .option('--now', 'sign with it at once: whoever caches the key set refuses its tokens until the cache is renewed')
    .option('--json', 'print JSON lines')
    .action((options: RotateOptions, command: Command) =>
      withTools(command, (tools, stored) => rotate(tools, stored, options))
    )
  keys
    .command('revoke <kid>')
    .description('take a key out of the key set for good, and its tokens with it; another one signs at once')
    .option('--json', 'print JSON')
    .action((kid: string, options: Json, command: Command) =>
      withTools(command, (tools, stored) => revoke(kid, tools, stored, options))
    )
}

/**
 * A key's id is a thumbprint in base64url (RFC 7638), and one of 64 begins with a dash: then it would be taken for an option.
 * Nothing else on a command line looks like one.
 */
export function withDashedKeys(args: readonly string[]): string[] {
  const isKey = (arg: string): boolean => /^-[\w-]{42}$/.test(arg)
  if (!args.includes('keys') || args.includes('--') || !args.some(isKey)) return [...args]
  return [...args.filter((arg) => !isKey(arg)), '--', ...args.filter(isKey)]
}

/** What changes keys, with their event. */
interface KeyTools extends RotationTools {
  readonly commit: CommitKeys
}

async function withTools(
  command: Command,
  work: (tools: KeyTools, stored: readonly StoredKey[]) => Promise<void>
): Promise<void> {
  await withStore(command, async (store, config, recordSuccess) => {
    const commit: CommitKeys = (write) => commitKeys(write, recordSuccess)
    const tools = { ...rotationToolsOf(config, store, await secretsOf(config, store)), commit }
    const stored = await store.keys.all()
    checkSecret(stored, tools.seal)
    await work(tools, stored)
  })
}

async function rotate(tools: KeyTools, stored: readonly StoredKey[], options: RotateOptions): Promise<void> {
  const rotated = await rotateKeys(stored, options, tools, tools.commit)
  if (typeof rotated === 'string') throw new Refused(refusals(options)[rotated])
  for (const next of rotated) {
    const when = options.now ? 'signs now' : `signs from ${iso(next.createdAt + usualLeadMs)} on`
    write(options.json ? asLine(keyAsJson(next)) : `${next.kid}  ${next.algorithm}  ${when}\n`)
  }
}

const refusals = ({ algorithm }: RotateOptions): Record<RotationRefusal, string> => ({
  'not-signed-with': `no token is signed with ${algorithm}: see tokens.algorithm and audiences`,
  'no-key': 'there is no key yet: the first start of the service makes it',
  'from-file': 'the key comes from a file of the configuration (tokens.keys): put another file there',
  lost: 'somebody else is changing the keys: look at keys list'
})

async function revoke(kid: string, tools: KeyTools, stored: readonly StoredKey[], { json }: Json): Promise<void> {
  const revoked = await revokeKeyById(kid, stored, tools, tools.commit)
  if (revoked.outcome === 'not-found') throw new Refused(`there is no key ${JSON.stringify(kid)}`)
  if (revoked.outcome === 'already') throw new Refused('the key is revoked already')
  if (revoked.outcome !== 'revoked')
    throw new Refused('somebody else is changing the keys: look at keys list, and try again')
  const { successor } = revoked
  if (json) return write(asLine({ revoked: kid, successor: successor ? keyAsJson(successor) : null }))
  write(`revoked ${kid}\n${successor === undefined ? '' : `${successor.kid}  ${successor.algorithm}  signs now\n`}`)
}

const keyLine = (key: StoredKey): string => {
  const since = key.state === 'current' ? key.activatedAt : key.state === 'next' ? null : key.retiredAt
  const own = isOwn(key) ? ['own'] : []
  return `${[key.kid, key.algorithm, key.state.padEnd(7), iso(since ?? key.createdAt), ...own].join('  ')}\n`
}

const iso = (epochMs: number): string => new Date(epochMs).toISOString()
