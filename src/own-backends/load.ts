import { statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BackendDefinition } from '../auth/define-backend.ts'
import { inModule } from './containment.ts'
import { contain } from './guard.ts'
import { importModule, packageUrl } from './imports.ts'
import { thrownText } from './mistake.ts'
import { definitionOf } from './shape.ts'

/** A module's definition, or what is wrong with it, with the file's name; `undefined`: nothing has this name. */
export type Loaded = { readonly definition: BackendDefinition } | { readonly mistake: string } | undefined

/** Whether the type of a backend is a file's name rather than a package's. */
const isFileName = (type: string): boolean => /^(\.{1,2}\/|\/)/.test(type)

/** Longer than any module takes that does no I/O. */
const importTimeoutMs = 10_000

/**
 * Loads a type of backend that is not built in: a file, or a package that is found from the configuration's folder or else
 * beside the service. This runs its code.
 */
export async function loadBackend(type: string, baseFolder: string): Promise<Loaded> {
  const url = isFileName(type) ? pathToFileURL(resolve(baseFolder, type)).href : urlOfPackage(type, baseFolder)
  if (url === undefined) return undefined
  const reason = isFileName(type) ? unreadable(url) : undefined
  if (reason !== undefined) return { mistake: `${type}: ${reason}` }
  try {
    const module = await inTime(inModule(type, () => importModule(url)))
    const definition = definitionOf(module)
    return typeof definition === 'string'
      ? { mistake: `${type}: ${definition}` }
      : { definition: contain(type, definition) }
  } catch (error) {
    return { mistake: `${type}: ${loadingText(error, fileURLToPath(url))}` }
  }
}

function urlOfPackage(name: string, baseFolder: string): string | undefined {
  if (!/^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(name) || isBuiltin(name)) return undefined
  const from = pathToFileURL(join(baseFolder, 'latchkey.yaml')).href
  const url = packageUrl(name, from) ?? packageUrl(name, import.meta.url)
  return url?.startsWith('file:') ? url : undefined
}

function unreadable(url: string): string | undefined {
  const found = statSync(fileURLToPath(url), { throwIfNoEntry: false })
  if (found === undefined) return 'there is no such file'
  return found.isFile() ? undefined : 'is no file'
}

async function inTime<Value>(work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`it did not end within ${importTimeoutMs / 1000} s`)
    timer = setTimeout(() => reject(error), importTimeoutMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** `npm init` writes "type": "commonjs", which makes CommonJS of `.ts` and `.js`; Node.js tells the way out on stderr only. */
const inCommonJs = /^SyntaxError: (Cannot use import statement outside a module|Unexpected token 'export')/
const wayOut = ': the package.json above it must have "type": "module", or its name end with .mts or .mjs'

/** What went wrong, and at which line where that can be told. */
function loadingText(error: unknown, file: string): string {
  const said = thrownText(error)
  const text = inCommonJs.test(said) ? `${said}${wayOut}` : said
  if (!(error instanceof Error)) return `can't be loaded: ${text}`
  const { place, line } = placeOf(error, file)
  const where = place === file ? 'line' : `${place}, line`
  return line === undefined ? `can't be loaded: ${text}` : `can't be loaded (${where} ${line}): ${text}`
}

const ours = fileURLToPath(new URL('..', import.meta.url))
const frame = /^\s*(?:at (?:[^\n]*?[( ])?(?:file:\/\/)?|file:\/\/)?(\/[^\n?:]+)(?:\?[^\n:]*)?:(\d+)/gm

/** Where an error came up: in the module or a file that it brought along, rather than in a package that either called. */
function placeOf({ stack = '' }: Error, file: string): { readonly place: string; readonly line?: string } {
  const places = [...stack.matchAll(frame)].map(([, place = '', line = '']) => ({ place, line }))
  const theirs = places.filter(({ place }) => !place.startsWith(ours))
  const written = theirs.find(({ place }) => place === file || !place.includes('/node_modules/'))
  return written ?? theirs[0] ?? { place: file }
}
