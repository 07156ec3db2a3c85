import { type Logger, pino, type StreamEntry } from 'pino'
import { createClock, createLines } from './log-lines.ts'

/** How much is logged. */
export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'

const secrets = new Set([
  'password',
  'passwordHash',
  'client_secret',
  'secret',
  'token',
  'access_token',
  'refresh_token',
  'authorization'
])

/** JSON lines on standard output; for a person at a terminal, lines to read. Fields that are called like secrets are hidden. */
export async function openLog(
  level: LogLevel,
  options: { terminal?: boolean; stream?: StreamEntry['stream'] } = {}
): Promise<Logger> {
  const { terminal = process.stdout.isTTY, stream } = options
  const settings = {
    level,
    base: null,
    timestamp: createClock(),
    formatters: { level: (label: string) => ({ level: label }), log: (fields: object) => withoutSecrets(fields) },
    serializers: { err: serializeError }
  }
  if (stream) return pino(settings, stream)
  if (!terminal) return pino(settings, createLines())
  const { default: pretty } = await import('pino-pretty')
  return pino(settings, pretty({ sync: true, translateTime: 'SYS:HH:MM:ss', ignore: 'event' }))
}

/** Fields that are called like secrets, and those inside of fields. A line that has none, as every line should, is not copied. */
function withoutSecrets(fields: object, depth = 1): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined
  for (const [name, value] of Object.entries(fields)) {
    const shown = secrets.has(name)
      ? '[hidden]'
      : depth > 0 && isMapping(value)
        ? withoutSecrets(value, depth - 1)
        : value
    if (shown === value) continue
    copy ??= { ...fields }
    copy[name] = shown
  }
  return copy ?? (fields as Record<string, unknown>)
}

const isMapping = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !(value instanceof Error)

/** An error as the log may have it: no fields of a driver's own, which may hold a query's values, and no parameters in its text. */
export interface LoggedError {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly cause?: LoggedError | string
}

/** @param depth of causes that are still written */
function serializeError(error: unknown, depth = 5): LoggedError | string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : safeJson(error)
  const { name, stack, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  return {
    type: name,
    message: withoutParameters(error.message),
    ...code,
    ...(stack === undefined ? {} : { stack: withoutMessage(stack) }),
    ...(cause === undefined || depth === 0 ? {} : { cause: serializeError(cause, depth - 1) })
  }
}

/** Drizzle writes the values of a failed query behind its text. */
const withoutParameters = (message: string): string => message.replace(/\nparams:[\s\S]*$/, '')

const withoutMessage = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}
