import type { Command } from 'commander'
import type { TraceStep } from '../auth/backend.ts'
import type { BackendDefinition } from '../auth/define-backend.ts'
import { causes, lastSteps } from '../auth/explain-chain.ts'
import type { Chain, Link } from '../auth/link.ts'
import { ask } from '../auth/question.ts'
import { backendDefinitions as definitions } from '../backends/index.ts'
import { ConfigError } from '../config/config-error.ts'
import { loadAll } from '../config/module-types.ts'
import { BackendUnavailable } from '../errors.ts'
import { openLatchkey } from '../latchkey.ts'
import { openLog } from '../log.ts'
import { configOf } from './configuration.ts'
import { Refused } from './refused.ts'
import { coloured, printable, stepLines } from './steps.ts'

interface Answer {
  readonly backend: string
  readonly type: string
  readonly answers: boolean
  /** What went wrong, in a word and in the words of its causes. */
  readonly error?: string
  /** How the backend was reached, as far as it tells. */
  readonly steps: readonly TraceStep[]
}

/** What `latchkey check` may be told. */
export interface CheckOptions {
  readonly schema?: boolean
  readonly json?: boolean
}

/** `latchkey check`: whether the configuration can be used, and whether the database and each backend answer. */
export async function check(options: CheckOptions, command: Command): Promise<void> {
  if (options.schema) await printSchema(command)
  else await checkAll(command, options.json === true)
}

/** Of all types; those of one's own are those of the configuration here, where there is one that can be read. */
async function printSchema(command: Command): Promise<void> {
  const { configSchema } = await import('../config/json-schema.ts')
  print(configSchema({ ...(await loadAll(definitions)), ...(await ownDefinitions(command)) }))
}

async function ownDefinitions(command: Command): Promise<Readonly<Record<string, BackendDefinition>>> {
  try {
    const { backends } = await configOf(command)
    return Object.fromEntries(backends.map(({ policy, definition }) => [policy.type, definition]))
  } catch (error) {
    if (error instanceof ConfigError) return {}
    throw error
  }
}

async function checkAll(command: Command, json: boolean): Promise<void> {
  const config = await configOf(command)
  const latchkey = await openLatchkey({ ...config, telemetry: undefined }, await openLog('silent'))
  try {
    const answers = await probeAll(latchkey.login.chain)
    if (json) print({ configuration: config.file ?? null, backends: answers })
    else process.stdout.write(describe(config.file, answers))
    const silent = answers.filter(({ answers: does }) => !does)
    if (silent.length > 0) throw new Refused(`no answer from: ${silent.map(({ backend }) => backend).join(', ')}`)
  } finally {
    await latchkey.close()
  }
}

const probeAll = (chain: Chain): Promise<Answer[]> => Promise.all(chain.map(probe))

async function probe(link: Link): Promise<Answer> {
  const steps: TraceStep[] = []
  const answer = { backend: link.id, type: link.type, steps }
  const log = await openLog('silent')
  const deadline = performance.now() + link.timeoutMs
  const trace = (_backend: string, step: TraceStep): void => void steps.push(step)
  const request = { log, clientId: 'check', ip: '127.0.0.1', deadline, trace }
  try {
    await ask(
      link,
      request,
      (context) => context,
      async (context) => link.backend.probe?.(context)
    )
    return { ...answer, answers: true }
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    await lastSteps()
    return { ...answer, answers: false, error: [error.reason, ...causes(error.cause)].join(': ') }
  }
}

function describe(file: string | undefined, answers: readonly Answer[]): string {
  const lines = answers.map(({ backend, type, answers: does, error, steps }) => {
    const mark = does ? coloured('green', 'ok  ') : coloured('red', 'FAIL')
    const text = `${mark} backend ${backend} (${type})${error === undefined ? '' : `: ${printable(error)}`}\n`
    return `${text}${steps.map(stepLines).join('')}`
  })
  const ok = coloured('green', 'ok  ')
  return [`${ok} configuration ${file ?? '(none: defaults)'}\n`, `${ok} database\n`, ...lines].join('')
}

const print = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}
