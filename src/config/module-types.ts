import { isMapping } from './complete.ts'
import type { BackendTypes, Definitions } from './validate.ts'

/**
 * The types of backends that there are, with those that a tree names and nobody knows: files, from the configuration's
 * folder, and packages. These are loaded, which runs their code.
 */
export async function backendTypesOf(
  tree: unknown,
  definitions: Definitions,
  baseFolder: string
): Promise<BackendTypes> {
  const items: readonly unknown[] = isMapping(tree) && Array.isArray(tree.backends) ? tree.backends : []
  const named = items.flatMap((item) => (isMapping(item) && typeof item.type === 'string' ? [item.type] : []))
  const unknown = [...new Set(named)].filter((type) => !Object.hasOwn(definitions, type))
  const mistakes = new Map<string, string>()
  if (unknown.length === 0) return { definitions, mistakes }
  const { loadBackend } = await import('../own-backends/load.ts')
  const loaded = await Promise.all(unknown.map(async (type) => [type, await loadBackend(type, baseFolder)] as const))
  for (const [type, found] of loaded) if (found && 'mistake' in found) mistakes.set(type, found.mistake)
  const own = loaded.flatMap(([type, found]) =>
    found && 'definition' in found ? [[type, found.definition] as const] : []
  )
  return { definitions: { ...definitions, ...Object.fromEntries(own) }, mistakes }
}
