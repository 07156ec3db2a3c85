import type { Credentials, DeniedReason, Identity, RejectedReason, Verdict } from './backend.ts'
import type { Link } from './link.ts'

const rejected: Readonly<Record<RejectedReason, string>> = {
  'wrong-password': 'the password is wrong',
  'empty-password': 'the password is empty',
  ambiguous: 'several accounts have this name, and nobody can tell which is meant',
  'not-required': 'the account does not meet what the configuration requires',
  expired: 'what was shown has expired',
  malformed: 'what was shown is malformed, or holds characters that none may have',
  'wrong-type': 'the token is of another type than those that are taken',
  'wrong-algorithm': 'the token is signed by an algorithm that is not allowed',
  'unknown-key': 'the token is signed by a key that the issuer does not publish',
  'wrong-signature': 'the signature is wrong',
  'wrong-audience': 'the token is for somebody else',
  'wrong-actor': 'the token may be used by another client only',
  'bound-to-a-key': 'the token is bound to a key, which was not shown',
  'not-yet-valid': 'the token is not valid yet: compare the clocks',
  'too-old': 'the token is older than `maxAge`, or its authentication than `maxAuthAge`',
  'used-before': 'the token was used before'
}

const denied: Readonly<Record<DeniedReason, string>> = {
  disabled: 'the account is disabled',
  locked: 'the account is locked',
  expired: 'the account has expired',
  'password-expired': 'the password has expired',
  'must-change-password': 'the password must be changed first',
  'not-allowed': 'the account may not log in here'
}

const unknown: Readonly<Record<Credentials['kind'] | 'name', string>> = {
  name: 'knows no such account',
  password: 'knows no such account',
  token: 'the token is not for this backend',
  header: 'the headers count for nothing here'
}

/** A verdict in plain words, and what to do about it. */
export function verdictWords(
  verdict: Verdict,
  { onRejected }: Pick<Link, 'onRejected'>,
  presented: Credentials['kind'] | 'name'
): { text: string; remedy?: string } {
  switch (verdict.outcome) {
    case 'accepted': {
      const { username, subject } = verdict.identity
      return { text: `${presented === 'name' ? 'knows' : 'accepts'} ${username} (subject ${subject})` }
    }
    case 'unknown':
      return { text: `${unknown[presented]}: the next backend is asked` }
    case 'rejected': {
      const text = `rejects: ${rejected[verdict.reason]}${onRejected === 'stop' ? '; no other backend is asked' : ''}`
      return verdict.reason === 'ambiguous'
        ? { text, remedy: 'narrow the searches, or log in by another name' }
        : { text }
    }
    case 'denied':
      return { text: `denies: ${denied[verdict.reason]}; no other backend is asked` }
  }
}

/** What to do where an account has no address that can be used. */
export function emailRemedy({ emails }: Identity, { email }: Pick<Link, 'email'>): string {
  if (emails.length === 0 && email.fallback !== undefined)
    return 'what `email.fallback` names is not there, or has several values: name something else, or correct the account'
  if (emails.length === 0)
    return 'name the attribute that holds the address as `attributes.email`, or make one up by `email.fallback`'
  if (emails.length > 1 && email.prefer === undefined)
    return 'set `email.prefer: domain` with `email.domains` in the order of preference'
  return email.domains === undefined
    ? 'correct the address in the source'
    : `the domains allowed are ${email.domains.join(', ')}: add another to \`email.domains\`, or correct the address`
}
