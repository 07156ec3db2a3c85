/** A permission's name, `app_label.codename`; every one of them is also a scope token (RFC 6749 3.3). */
export const permissionPattern = '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_:/+@~-]+)+$'

const permission = new RegExp(permissionPattern)

/** Whether something may be called so as a permission. */
export const isPermissionName = (name: string): boolean => name.length <= 255 && permission.test(name)

/** How long a backend's own words beside an identity may be. */
export const maxRememberedBytes = 32 * 1024

/**
 * A login name as it is compared, byte by byte: NFKC, as Django's. `undefined` for what is none: longer than 255 characters,
 * with space at an end, or with characters that can't be seen.
 */
export function loginName(text: string): string | undefined {
  if (text.length > 2 * 255) return undefined
  const name = text.normalize('NFKC')
  const isPlain =
    name !== '' && name.trim() === name && !/[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\ufffd]/u.test(name)
  return isPlain && [...name].length <= 255 ? name : undefined
}

/**
 * A group's name as it is compared: NFC. `undefined` for what is none: longer than Django's 150 characters or 255 bytes,
 * with space at an end, or with characters that can't be seen.
 */
export function groupName(text: string): string | undefined {
  const name = text.normalize('NFC')
  const isPlain = name !== '' && name.trim() === name && !/[\p{Cc}\p{Cf}\p{Cs}\ufffd]/u.test(name)
  return isPlain && [...name].length <= 150 && Buffer.byteLength(name) <= 255 ? name : undefined
}

/** The groups of ours that mirror a backend's, each once: those that have a name which one of ours can have. */
export const localGroupNames = (names: readonly string[]): string[] => [
  ...new Set(names.flatMap((name) => groupName(name) ?? []))
]
