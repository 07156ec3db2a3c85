import type { BackendLoader } from '../auth/define-backend.ts'
import { isMapping } from './complete.ts'
import type { BackendTypes, Definitions } from './validate.ts'

/** The types of backends that come with the service, by the word in the configuration. */
export type BackendLoaders = Readonly<Record<string, BackendLoader>>

/** All of them, loaded. */
export const loadAll = async (loaders: BackendLoaders): Promise<Definitions> =>
  Object.fromEntries(await Promise.all(Object.entries(loaders).map(async ([type, load]) => [type, await load()])))

/**
 * The types of backends that a tree names: those that come with the service, files, from the configuration's folder, and
 * packages. These are loaded, which runs their code.
 */
export async function backendTypesOf(
  tree: unknown,
  loaders: BackendLoaders,
  baseFolder: string
): Promise<BackendTypes> {
  const items: readonly unknown[] = isMapping(tree) && Array.isArray(tree.backends) ? tree.backends : []
  const named = new Set(items.flatMap((item) => (isMapping(item) && typeof item.type === 'string' ? [item.type] : [])))
  const isOurs = (type: string): boolean => Object.hasOwn(loaders, type)
  const ours = await loadAll(Object.fromEntries(Object.entries(loaders).filter(([type]) => named.has(type))))
  const own = await ownTypesOf(
    [...named].filter((type) => !isOurs(type)),
    baseFolder
  )
  return { names: Object.keys(loaders), definitions: { ...ours, ...own.definitions }, mistakes: own.mistakes }
}

async function ownTypesOf(types: readonly string[], baseFolder: string): Promise<Omit<BackendTypes, 'names'>> {
  const mistakes = new Map<string, string>()
  if (types.length === 0) return { definitions: {}, mistakes }
  const { loadBackend } = await import('../own-backends/load.ts')
  const loaded = await Promise.all(types.map(async (type) => [type, await loadBackend(type, baseFolder)] as const))
  for (const [type, found] of loaded) if (found && 'mistake' in found) mistakes.set(type, found.mistake)
  const definitions = loaded.flatMap(([type, found]) =>
    found && 'definition' in found ? [[type, found.definition] as const] : []
  )
  return { definitions: Object.fromEntries(definitions), mistakes }
}
