import type { Command } from 'commander'
import type { BackendDefinition } from '../auth/define-backend.ts'
import { backendDefinitions as definitions } from '../backends/index.ts'
import { ConfigError } from '../config/config-error.ts'
import { loadAll } from '../config/module-types.ts'
import { type Answer, type Answers, answersOf } from './answers.ts'
import { configOf } from './configuration.ts'
import { Refused } from './refused.ts'
import { coloured, printable, stepLines } from './steps.ts'

/** What `latchkey check` may be told. */
export interface CheckOptions {
  readonly schema?: boolean
  readonly json?: boolean
}

/** `latchkey check`: whether the configuration can be used, and whether the database, Redis and each backend answer. */
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
  const config = await configOf(command).catch((error) => {
    if (json && error instanceof ConfigError) print({ configuration: error.source, mistakes: error.mistakes })
    throw error
  })
  const answers = await answersOf(config)
  const { database, redis, backends } = answers
  if (json) print({ configuration: config.file ?? null, database, ...(redis && { redis }), backends })
  else process.stdout.write(describe(config.file, answers))
  const silent = [
    ...(database.answers ? [] : ['the database']),
    ...(redis?.answers === false ? ['Redis'] : []),
    ...backends.filter(({ answers }) => !answers).map(({ backend }) => backend)
  ]
  if (silent.length > 0) throw new Refused(`no answer from: ${silent.join(', ')}`)
}

function describe(file: string | undefined, { database, redis, backends }: Answers): string {
  const ok = coloured('green', 'ok  ')
  const line = ({ answers, error }: Answer, what: string): string =>
    `${answers ? ok : coloured('red', 'FAIL')} ${what}${error === undefined ? '' : `: ${printable(error)}`}\n`
  return [
    `${ok} configuration ${file ?? '(none: defaults)'}\n`,
    line(database, 'database'),
    ...(redis ? [line(redis, 'redis')] : []),
    ...backends.flatMap((answer) => [
      line(answer, `backend ${answer.backend} (${answer.type})`),
      ...answer.steps.map(stepLines)
    ])
  ].join('')
}

const print = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}
