import { prepare } from './dn.ts'
import type { Group } from './group-selector.ts'

/** Which groups become local ones: all, those named, or all but those named. */
export type MirrorOption = boolean | readonly string[] | { readonly except: readonly string[] }

const namesOf = (groups: readonly Group[]): string[] => groups.flatMap(({ name }) => name ?? [])

/** The names of the groups that mirror an account's, also those that no local group can have. Names that are listed keep the spelling of the configuration. */
export const mirroredNames = (option: MirrorOption, groups: readonly Group[]): string[] | undefined => {
  if (option === false) return undefined
  const names = [...new Set(namesOf(groups))]
  if (option === true) return names
  if ('except' in option) {
    const except = new Set(option.except.map(prepare))
    return names.filter((name) => !except.has(prepare(name)))
  }
  const present = new Set(names.map(prepare))
  return option.filter((name) => present.has(prepare(name)))
}
