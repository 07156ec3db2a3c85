import { groupName, isPermissionName } from '../auth/names.ts'
import { InvalidRequest } from '../errors.ts'

/** Whether it is text that a column of so many bytes holds, and without characters that nobody can see or compare. */
export const isPlainText = (value: unknown, maxBytes: number): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  Buffer.byteLength(value) <= maxBytes &&
  !/[\p{Cc}\p{Cs}\ufffd]/u.test(value)

/** Names of permissions, each once. @throws {InvalidRequest} one is none */
export function permissionNames(names: readonly string[]): readonly string[] {
  const wrong = names.find((name) => !isPermissionName(name))
  if (wrong === undefined) return [...new Set(names)]
  throw new InvalidRequest(
    `${JSON.stringify(wrong)} is no permission: expected app_label.codename, as in blog.change_post`
  )
}

/** Names of groups as they are compared, each once. @throws {InvalidRequest} one is none */
export function groupNames(names: readonly string[]): readonly string[] {
  return [...new Set(names.map(groupNameOf))]
}

/** The name of a group as it is compared. @throws {InvalidRequest} it is none */
export function groupNameOf(text: string): string {
  const name = groupName(text)
  if (name === undefined) throw new InvalidRequest(`${JSON.stringify(text)} is no name for a group`)
  return name
}
