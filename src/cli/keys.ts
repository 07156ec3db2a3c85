import { type Command, Option } from 'commander'
import { secretsOf } from '../secret.ts'
import { rotationToolsOf } from '../signing-keys.ts'
import { checkSecret } from '../tokens/key-ring.ts'
import type { Algorithm, StoredKey } from '../tokens/key-store.ts'
import { isOwn } from '../tokens/new-key.ts'
import { keyIn, type RotationTools, revokeKey, rotateKey, usualLeadMs } from '../tokens/rotation.ts'
import { withStore } from './configuration.ts'
import { Refused } from './refused.ts'

interface RotateOptions {
  readonly algorithm?: Algorithm
  readonly now?: boolean
}

/** `latchkey keys …`: what tokens are signed with. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys that tokens are signed with')
  keys
    .command('list')
    .description('list the keys, oldest first')
    .option('--json', 'print JSON lines')
    .action(({ json }: { json?: boolean }, command: Command) =>
      withStore(command, async ({ keys: store }) => {
        for (const key of await store.all()) write(json ? `${JSON.stringify(asJson(key))}\n` : keyLine(key))
      })
    )
  keys
    .command('rotate')
    .description('publish the next key, which signs a quarter of an hour later')
    .addOption(
      new Option('--algorithm <name>', 'this algorithm only').choices(['ES256', 'RS256', 'EdDSA'] satisfies Algorithm[])
    )
    .option('--now', 'sign with it at once: whoever caches the key set refuses its tokens until the cache is renewed')
    .action((options: RotateOptions, command: Command) =>
      withTools(command, async (tools, stored) => {
        for (const current of rotatable(stored, tools, options)) await rotate(current, stored, tools, options)
      })
    )
  keys
    .command('revoke <kid>')
    .description('take a key out of the key set for good, and its tokens with it; another one signs at once')
    .action((kid: string, _options: object, command: Command) =>
      withTools(command, (tools, stored) => revoke(kid, tools, stored))
    )
}

async function withTools(
  command: Command,
  work: (tools: RotationTools, stored: readonly StoredKey[]) => Promise<void>
): Promise<void> {
  await withStore(command, async (store, config) => {
    const tools = rotationToolsOf(config, store, await secretsOf(config, store))
    const stored = await store.keys.all()
    checkSecret(stored, tools.seal)
    await work(tools, stored)
  })
}

function rotatable(
  stored: readonly StoredKey[],
  { algorithms }: RotationTools,
  { algorithm }: RotateOptions
): readonly StoredKey[] {
  if (algorithm !== undefined && !algorithms.includes(algorithm)) {
    throw new Refused(`no token is signed with ${algorithm}: see tokens.algorithm and audiences`)
  }
  const wanted = algorithm === undefined ? algorithms : [algorithm]
  const current = wanted.flatMap((each) => keyIn(stored, each, 'current') ?? [])
  if (current.length === 0) throw new Refused('there is no key yet: the first start of the service makes it')
  const replaceable = current.filter((key) => !isOwn(key))
  if (replaceable.length === 0) {
    throw new Refused('the key comes from a file of the configuration (tokens.keys): put another file there')
  }
  return replaceable
}

async function rotate(
  current: StoredKey,
  stored: readonly StoredKey[],
  tools: RotationTools,
  { now = false }: RotateOptions
): Promise<void> {
  const next = await rotateKey(current, stored, tools, now)
  if (next === undefined) throw new Refused('somebody else is changing the keys: look at keys list')
  const when = now ? 'signs now' : `signs from ${iso(next.createdAt + usualLeadMs)} on`
  write(`${next.kid}  ${next.algorithm}  ${when}\n`)
}

async function revoke(kid: string, tools: RotationTools, stored: readonly StoredKey[]): Promise<void> {
  const key = stored.find((other) => other.kid === kid)
  if (key === undefined) throw new Refused(`there is no key ${JSON.stringify(kid)}`)
  if (key.state === 'revoked') throw new Refused('the key is revoked already')
  const successor = await revokeKey(key, stored, tools)
  if (successor === 'lost') throw new Refused('somebody else is changing the keys: look at keys list, and try again')
  write(`revoked ${kid}\n${successor === undefined ? '' : `${successor.kid}  ${successor.algorithm}  signs now\n`}`)
}

const keyLine = (key: StoredKey): string => {
  const since = key.state === 'current' ? key.activatedAt : key.state === 'next' ? null : key.retiredAt
  const own = isOwn(key) ? ['own'] : []
  return `${[key.kid, key.algorithm, key.state.padEnd(7), iso(since ?? key.createdAt), ...own].join('  ')}\n`
}

const asJson = (key: StoredKey): object => ({
  kid: key.kid,
  algorithm: key.algorithm,
  state: key.state,
  own: isOwn(key),
  createdAt: iso(key.createdAt),
  activatedAt: key.activatedAt === null ? null : iso(key.activatedAt),
  retiredAt: key.retiredAt === null ? null : iso(key.retiredAt)
})

const iso = (epochMs: number): string => new Date(epochMs).toISOString()

const write = (text: string): void => {
  process.stdout.write(text)
}
