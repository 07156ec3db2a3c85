/** What is said where `hasBrokenEscape` is so. */
export const brokenEscape = 'holds a % that begins no escape: write %25 for the sign itself'

/** Whether user, password or path of a server's URL can't be decoded. */
export function hasBrokenEscape(server: URL | undefined): boolean {
  if (server === undefined) return false
  try {
    for (const part of [server.username, server.password, server.pathname]) decodeURIComponent(part)
    return false
  } catch {
    return true
  }
}
