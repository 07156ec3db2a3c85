import type { FirstAdministrator } from '../first-administrator.ts'

/**
 * What a newcomer is told at a start without a configuration: lines that can be pasted as they are.
 * @param url where it listens, whatever the issuer is called
 */
export function welcome(url: string, administrator: FirstAdministrator | undefined): string {
  const keySet = ['The keys that verify tokens:', '', `curl -s ${url}/.well-known/jwks.json`, '']
  if (administrator === undefined) {
    const lost = 'A password that was lost is set anew with: npm run latchkey -- users set-password admin@localhost'
    return lines(['', `Latchkey serves ${url} (the page of its API: ${url}/docs)`, lost, '', ...keySet])
  }
  const { email, password } = administrator
  const token = `curl -s ${url}/token -d grant_type=password -d username=${email} -d password=${password}`
  const bearer = `$(${token} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`
  return lines([
    '',
    `Latchkey serves ${url} (the page of its API: ${url}/docs)`,
    '',
    `The first administrator is ${email}, the password ${password}`,
    'It is shown this once: keep it, or set another one with: npm run latchkey -- users set-password admin@localhost',
    '',
    'A token:',
    '',
    token,
    '',
    'The user behind a token:',
    '',
    `curl -s ${url}/userinfo -H "Authorization: Bearer ${bearer}"`,
    '',
    ...keySet
  ])
}

const lines = (all: readonly string[]): string => `${all.join('\n')}\n`
