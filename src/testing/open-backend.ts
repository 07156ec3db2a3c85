import type { Backend } from '../auth/backend.ts'
import type { BackendDefinition, BackendTools } from '../auth/define-backend.ts'
import { ownOptions } from '../config/backend-schema.ts'
import { ConfigError, mistakeOf } from '../config/config-error.ts'
import { validateBackend } from '../config/validate.ts'
import { contain } from '../own-backends/guard.ts'
import { definitionOf } from '../own-backends/shape.ts'
import { openPasswords } from '../passwords/argon2.ts'

/** What may be told beside the options, where a test needs another. */
export interface OpenOptions {
  /** The backend's id in the configuration. Default: `tested`. */
  readonly id?: string
  /** The folder that relative file names start from. Default: where the process runs. */
  readonly baseFolder?: string
  readonly tools?: Partial<BackendTools>
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * Opens a backend as the service does from its configuration: its options are checked against its schema, defaults are
 * filled in, and what it answers and throws is checked at each question.
 * @param options as they would stand in the configuration, without those that all backends have
 * @throws {ConfigError} names every mistake in them, and what is wrong with the definition
 */
export async function openBackend(
  definition: BackendDefinition,
  options: Readonly<Record<string, unknown>>,
  { id = 'tested', baseFolder = process.cwd(), tools }: OpenOptions = {}
): Promise<Backend> {
  const type = './tested.ts'
  const defined = definitionOf({ default: definition })
  if (typeof defined === 'string') throw new ConfigError(type, [{ path: '', message: defined }])
  const contained = contain(type, defined)
  const types = { names: [], definitions: { [type]: contained }, mistakes: new Map<string, string>() }
  const { value, findings } = validateBackend({ ...options, id, type }, ['backends', 0], new Set(), types)
  if (findings.length > 0) throw new ConfigError(type, findings.map(mistakeOf))
  const passwords = await openPasswords()
  return contained.open(id, ownOptions(contained, Object(value)), {
    log: silent,
    accounts: {
      byEmail: async () => undefined,
      byId: async () => undefined,
      byLoginName: async () => undefined,
      replaceHash: async () => {}
    },
    hashPassword: passwords.hash,
    needsRehash: passwords.needsRehash,
    baseFolder,
    ...tools
  })
}
