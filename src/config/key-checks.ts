import { resolve } from 'node:path'
import { type KeyFile, readKeyFile } from '../tokens/key-file.ts'
import { when } from './checks.ts'
import type { Finding } from './config-error.ts'
import type { ConfigFile } from './schema.ts'

/** What is wrong with the private keys that the configuration names. */
export function keyFindings({ tokens, audiences }: ConfigFile, baseFolder: string): Finding[] {
  const inUse = new Set([tokens.algorithm, ...audiences.map(({ algorithm }) => algorithm)])
  const files = tokens.keys.map(({ file }) => readKeyFile(resolve(baseFolder, file)))
  const algorithms = files.map(algorithmOf)
  return files.flatMap((file, index) => {
    const path = ['tokens', 'keys', index, 'file']
    if ('mistake' in file) return [{ path, message: file.mistake }]
    const { algorithm } = file.key
    return [
      ...when(algorithms.indexOf(algorithm) !== index, path, `another key is for ${algorithm} already`),
      ...when(!inUse.has(algorithm), path, `is for ${algorithm}, which no token is signed with: see tokens.algorithm`)
    ]
  })
}

const algorithmOf = (file: KeyFile) => ('key' in file ? file.key.algorithm : undefined)
