import { resolve } from 'node:path'
import type { DatabaseConfig } from './config.ts'
import type { Finding } from './config-error.ts'
import { brokenEscape, hasBrokenEscape } from './escapes.ts'
import type { ConfigFile } from './schema.ts'

/** What the section `database` comes to. */
export interface DatabaseAnswer {
  readonly database: DatabaseConfig
  readonly findings: readonly Finding[]
  /** Whether it is a server that several replicas may share. */
  readonly isServer: boolean
}

/**
 * Reads `file:PATH` and `mysql://user@host/name`.
 * @param folder what a relative path starts from
 */
export function databaseOf({ url, password }: ConfigFile['database'], folder: string): DatabaseAnswer {
  if (url.startsWith('mysql:')) return serverOf(url, password)
  const file = url.replace(/^file:(\/\/(?=\/))?/, '')
  const isFile = url.startsWith('file:') && file !== '' && !/^\/\/|^:memory:|[?#]|\/$/.test(file)
  const findings = [
    ...(isFile ? [] : [finding('url', 'expected file:PATH, without a query, or mysql://user@host/name')]),
    ...(password === undefined ? [] : [finding('password', 'is for MySQL only')])
  ]
  return { database: { dialect: 'sqlite', file: resolve(folder, file) }, findings, isServer: false }
}

function serverOf(url: string, password: string | undefined): DatabaseAnswer {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const isComplete = parsed !== undefined && parsed.hostname !== '' && /^\/[^/]+$/.test(parsed.pathname)
  const twice = password !== undefined && parsed !== undefined && parsed.password !== ''
  const findings = [
    ...(isComplete ? [] : [finding('url', 'expected mysql://user@host/name')]),
    ...(hasBrokenEscape(parsed) ? [finding('url', brokenEscape)] : []),
    ...(twice ? [finding('password', 'stands in the URL already')] : [])
  ]
  const database = { dialect: 'mysql', url, ...(password === undefined ? {} : { password }) } as const
  return { database, findings, isServer: true }
}

const finding = (key: string, message: string): Finding => ({ path: ['database', key], message })
