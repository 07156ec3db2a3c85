import type { Command } from 'commander'
import { type Explanation, explainLogin } from '../auth/explain.ts'
import { needsPassword } from '../auth/explain-chain.ts'
import { type Latchkey, openLatchkey } from '../latchkey.ts'
import { openLog } from '../log.ts'
import { ownClaims, personClaims } from '../tokens/access-token.ts'
import { permissionsFor } from '../tokens/audience.ts'
import { configOf, onlyHere } from './configuration.ts'
import { objectIn } from './object-grants.ts'
import { type PresentedOptions, presentedBy } from './presented.ts'
import { Misused, Refused } from './refused.ts'
import { coloured, printable, stepLines } from './steps.ts'

/** What `latchkey explain` may be told. */
export interface ExplainOptions extends PresentedOptions {
  readonly backend?: string
  readonly permission?: string
  /** `T:ID` */
  readonly object?: string
  readonly json?: boolean
}

/** `latchkey explain`: what each backend does at somebody's login, and what the token would hold. */
export async function explain(username: string | undefined, options: ExplainOptions, command: Command): Promise<void> {
  const object = options.object === undefined ? undefined : objectIn(options.object)
  if (object && options.permission === undefined) throw new Misused('--object goes with --permission')
  const config = await configOf(command)
  const presented = await presentedBy(username, options, config)
  const log = await openLog('silent')
  const latchkey = await openLatchkey(onlyHere(config), log)
  try {
    const { backend, ip } = options
    const request = {
      presented,
      log,
      ...(backend !== undefined && { backend }),
      ...(object && { object }),
      ...(ip !== undefined && { ip })
    }
    const explanation = await explainLogin(request, latchkey.login)
    const token = tokenOf(explanation, latchkey)
    const permission = options.permission === undefined ? undefined : decisionOn(options.permission, explanation)
    const { outcome, steps } = explanation
    const told = { outcome, steps, token: token ?? null, ...(permission && { permission }) }
    process.stdout.write(options.json ? `${JSON.stringify(told, null, 2)}\n` : describe(explanation, token, permission))
    if (outcome !== 'accepted') throw new Refused(endingOf(outcome, steps))
    if (permission && !permission.granted) throw new Refused(`${permission.name} would not be held`)
  } finally {
    await latchkey.close()
  }
}

const ending = {
  refused: 'nobody would be logged in: 400 invalid_grant',
  unavailable: 'nobody would be logged in, for somebody could not tell: 503 temporarily_unavailable'
} as const

/** What is known of the end where a backend was not asked, which may have accepted. */
function endingOf(outcome: keyof typeof ending, steps: Explanation['steps']): string {
  const unasked = steps.find(({ text }) => text === needsPassword)?.backend
  if (outcome === 'unavailable' || !unasked) return ending[outcome]
  return `whether anybody would be logged in can't be told: ${unasked} ${needsPassword} (--password-stdin)`
}

/** The claims that tell of the user, for the first audience. */
function tokenOf({ login }: Explanation, { config }: Latchkey): object | undefined {
  const [audience] = config.audiences
  if (login === undefined || audience === undefined) return undefined
  const { user, backend, permissions } = login
  const claims = Object.entries(config.users.attributes).flatMap(([name, { claim }]) => (claim ? [[claim, name]] : []))
  return {
    ...ownClaims(user, Object.fromEntries(claims)),
    iss: config.issuer,
    sub: user.id,
    aud: audience.id,
    ...personClaims(user),
    backend: backend.id,
    groups: permissions.groups,
    permissions: permissionsFor(permissions.names, audience, undefined)
  }
}

function decisionOn(name: string, { login }: Explanation) {
  const decision = (login?.onObject ?? login?.permissions)?.decisions.get(name)
  const origins = decision?.origins ?? []
  return { name, granted: decision?.granted ?? false, origins }
}

function describe(
  { steps, outcome }: Explanation,
  token: object | undefined,
  permission: ReturnType<typeof decisionOn> | undefined
): string {
  const parts: string[] = []
  let heading: string | null | undefined
  for (const step of steps) {
    if (step.backend !== heading) {
      heading = step.backend
      parts.push(`${coloured('bold', heading === null ? 'latchkey' : `backend ${heading}`)}\n`)
    }
    parts.push(stepLines(step))
  }
  if (token) parts.push(`${coloured('bold', 'token')}\n${printableJson(token)}\n`)
  if (permission) {
    const because = permission.origins.map(({ source, because }) => `${source}: ${because}`).join('; ')
    const holds = permission.granted ? 'would be held' : 'would not be held'
    parts.push(printable(`${permission.name} ${holds} (${because === '' ? 'nobody grants it' : because})`), '\n')
  }
  if (outcome === 'accepted') parts.push(coloured('green', 'a token would be issued'), '\n')
  return parts.join('')
}

const printableJson = (value: object): string => JSON.stringify(value, null, 2).split('\n').map(printable).join('\n')
