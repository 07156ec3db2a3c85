import type { Command } from 'commander'
import type { Chain, Link } from '../auth/link.ts'
import { ask } from '../auth/question.ts'
import { backendDefinitions as definitions } from '../backends/index.ts'
import { BackendUnavailable } from '../errors.ts'
import { openLatchkey } from '../latchkey.ts'
import { openLog } from '../log.ts'
import { configOf } from './configuration.ts'
import { Refused } from './refused.ts'

interface Answer {
  readonly backend: string
  readonly type: string
  readonly answers: boolean
  /** What went wrong, in a word and in the words of its causes. */
  readonly error?: string
}

/** What `latchkey check` may be told. */
export interface CheckOptions {
  readonly schema?: boolean
  readonly json?: boolean
}

/** `latchkey check`: whether the configuration can be used, and whether the database and each backend answer. */
export async function check(options: CheckOptions, command: Command): Promise<void> {
  if (options.schema) print((await import('../config/json-schema.ts')).configSchema(definitions))
  else await checkAll(command, options.json === true)
}

async function checkAll(command: Command, json: boolean): Promise<void> {
  const config = await configOf(command)
  const latchkey = await openLatchkey(config, await openLog('silent'))
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
  const answer = { backend: link.id, type: link.type }
  const log = await openLog('silent')
  const request = { log, clientId: 'check', ip: '127.0.0.1', deadline: performance.now() + link.timeoutMs }
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
    return { ...answer, answers: false, error: [error.reason, ...causes(error.cause)].join(': ') }
  }
}

function causes(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return [error.message, ...causes(error.cause)]
}

function describe(file: string | undefined, answers: readonly Answer[]): string {
  const lines = answers.map(({ backend, type, answers: does, error }) => {
    return `${does ? 'ok  ' : 'FAIL'} backend ${backend} (${type})${error === undefined ? '' : `: ${error}`}`
  })
  return [`ok   configuration ${file ?? '(none: defaults)'}`, 'ok   database', ...lines, ''].join('\n')
}

const print = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}
