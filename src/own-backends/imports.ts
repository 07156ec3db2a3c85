import { statSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/** A file as it was read: its files, each with the time of its last change and its size. */
interface Version {
  readonly query: string
  readonly stamps: Map<string, string>
  readonly content: Promise<unknown>
}

const versions = new Map<string, Version>()
/** What CommonJS modules require themselves: Node.js keeps those by their names, whatever imports them. */
const required = new Map<string, string>()
const parameter = 'latchkey'
let loaded = 0

/** The package's public entries: in this process they are this very copy, wherever another one is installed. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const own: Readonly<Record<string, string>> = {
  latchkey: new URL(`../index.${extension}`, import.meta.url).href,
  'latchkey/testing': new URL(`../testing/index.${extension}`, import.meta.url).href
}

let areHooked = false

function hook(): void {
  if (areHooked) return
  areHooked = true
  registerHooks({
    resolve(specifier, context, next) {
      const entry = Object.hasOwn(own, specifier) ? own[specifier] : undefined
      if (entry !== undefined) return { url: entry, shortCircuit: true }
      const resolved = next(specifier, context)
      const query = context.parentURL === undefined ? undefined : queryOf(context.parentURL)
      if (!isOwnFile(resolved.url)) return resolved
      if (query === undefined) {
        if (isRead(context.parentURL)) required.set(resolved.url, stampOf(resolved.url))
        return resolved
      }
      const version = [...versions.values()].find((known) => known.query === query)
      version?.stamps.set(resolved.url, stampOf(resolved.url))
      return { ...resolved, url: withQuery(resolved.url, query) }
    }
  })
}

/**
 * Imports a module of one's own. A file that changed since, or any file that it imports or requires itself, is read again;
 * packages are read once.
 */
export function importModule(url: string): Promise<unknown> {
  hook()
  if (!isOwnFile(url)) return import(url)
  if (hasChanged(required)) {
    forget([...versions.values()])
    versions.clear()
    required.clear()
  }
  const known = versions.get(url)
  if (known && !hasChanged(known.stamps)) return known.content
  if (known) forget([known])
  const query = String(++loaded)
  const version = { query, stamps: new Map([[url, stampOf(url)]]) }
  const content = new Promise<unknown>((resolve, reject) => {
    setImmediate(() => import(withQuery(url, query)).then(resolve, reject))
  })
  versions.set(url, { ...version, content })
  content.catch(() => {
    forget([version])
    versions.delete(url)
  })
  return content
}

const isRead = (url = ''): boolean => required.has(url) || [...versions.values()].some(({ stamps }) => stamps.has(url))

const hasChanged = (stamps: ReadonlyMap<string, string>): boolean =>
  [...stamps].some(([file, stamp]) => stampOf(file) !== stamp)

/** Lets Node.js read CommonJS modules again: those of these versions, and whatever was required. */
function forget(these: ReadonlyArray<Pick<Version, 'stamps'>>): void {
  const { cache } = createRequire(import.meta.url)
  const files = [...these.flatMap(({ stamps }) => [...stamps.keys()]), ...required.keys()]
  for (const file of files) delete cache[fileURLToPath(file)]
}

/** Where a package's name leads from a folder; `undefined`: nowhere. */
export function packageUrl(name: string, parentURL: string): string | undefined {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => next(specifier, specifier === name ? { ...context, parentURL } : context)
  })
  try {
    return import.meta.resolve(name)
  } catch {
    return undefined
  } finally {
    hooks.deregister()
  }
}

const isOwnFile = (url: string): boolean => url.startsWith('file:') && !url.includes('/node_modules/')

const queryOf = (url: string): string | undefined =>
  url.startsWith('file:') ? (new URL(url).searchParams.get(parameter) ?? undefined) : undefined

function withQuery(url: string, query: string): string {
  const marked = new URL(url)
  marked.searchParams.set(parameter, query)
  return marked.href
}

function stampOf(url: string): string {
  const found = statSync(fileURLToPath(url), { throwIfNoEntry: false })
  return found === undefined ? 'gone' : `${found.mtimeMs} ${found.size} ${found.ino}`
}
