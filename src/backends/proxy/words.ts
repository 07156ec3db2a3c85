import type { HeaderCredentials, Identity } from '../../auth/backend.ts'
import type { HeaderFault } from './headers.ts'
import type { ProxyOptions } from './options.ts'

/** Why headers count for nothing, for the log. */
export type Refusal = 'from-elsewhere' | 'wrong-secret' | `${HeaderFault}-username`

const faults: Readonly<Record<HeaderFault, string>> = {
  missing: 'did not come',
  repeated: 'came more than once',
  empty: 'is empty',
  list: 'has a comma, and may be several',
  malformed: 'is not UTF-8, has control characters, or leaves no name of at most 255 bytes'
}

/** The same in plain words, with what to do. The secret, right or wrong, is not among them. */
export function refusalWords(
  reason: Refusal,
  { peer, headers }: HeaderCredentials,
  options: ProxyOptions
): { text: string; remedy: string } {
  const { from = [], secretHeader } = options
  if (reason === 'from-elsewhere')
    return {
      text: `${peer} is not the proxy: \`from\` has ${from.join(', ')}`,
      remedy: 'correct `from`, or the address'
    }
  if (reason === 'wrong-secret') {
    const name = secretHeader?.name ?? ''
    const times = headers.filter(([candidate]) => candidate === name.toLowerCase()).length
    const how = times === 0 ? 'did not come' : times === 1 ? 'holds another secret' : 'came more than once'
    return { text: `${name} ${how}`, remedy: 'let the proxy send the secret of `secretHeader`, once' }
  }
  const fault = reason.replace('-username', '') as HeaderFault
  return {
    text: `${options.headers.username} ${faults[fault]}`,
    remedy: 'let the proxy send the user name, and drop whatever the browser sends under that name'
  }
}

/** What was read from headers that are taken. */
export function headerWords({ username, emails, mirroredGroups }: Identity, { headers }: ProxyOptions): string {
  const groups =
    mirroredGroups && `${headers.groups}: ${mirroredGroups.length === 0 ? 'none' : mirroredGroups.join(', ')}`
  const email = emails.length === 0 ? undefined : `${headers.email}: ${emails.join(', ')}`
  return [`${headers.username}: ${username}`, email, groups].filter((part) => part !== undefined).join('; ')
}
