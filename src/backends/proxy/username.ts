import type { ProxyOptions } from './options.ts'

const maxBytes = 255

/**
 * Cleans user names (Django's clean_username): NFKC, without the domains that are listed, in lower case where so configured.
 * A domain that is not listed stays, so that nobody becomes somebody of another one. `undefined`: nothing usable is left.
 */
export function usernameCleaner({
  stripDomains,
  lowerCase
}: Pick<ProxyOptions, 'stripDomains' | 'lowerCase'>): (written: string) => string | undefined {
  const stripped = new Set(stripDomains.map((domain) => domain.normalize('NFKC').toLowerCase()))
  const isStripped = (domain: string): boolean => stripped.has(domain.toLowerCase())

  const withoutDomain = (name: string): string => {
    const backslash = name.indexOf('\\')
    if (backslash >= 0 && isStripped(name.slice(0, backslash))) return name.slice(backslash + 1)
    const at = name.lastIndexOf('@')
    return at >= 0 && isStripped(name.slice(at + 1)) ? name.slice(0, at) : name
  }

  return (written) => {
    const bare = withoutDomain(written.normalize('NFKC').trim())
    const name = lowerCase ? bare.toLowerCase().normalize('NFKC') : bare
    return name === '' || Buffer.byteLength(name) > maxBytes ? undefined : name
  }
}
