import type { DeniedReason } from '../../auth/backend.ts'
import type { Result } from './connections/messages.ts'
import { codes } from './connections/result-codes.ts'
import { type Entry, textsOf } from './entry.ts'
import { type PasswordPolicy, passwordPolicyOf } from './password-policy.ts'

/** Active Directory tells why a bind failed as `data 533` within the message of invalidCredentials. */
const activeDirectoryReasons = new Map<string, DeniedReason>([
  ['530', 'not-allowed'],
  ['531', 'not-allowed'],
  ['532', 'password-expired'],
  ['533', 'disabled'],
  ['701', 'expired'],
  ['773', 'must-change-password'],
  ['775', 'locked']
])

const policyReasons: Partial<Record<NonNullable<PasswordPolicy['error']>, DeniedReason>> = {
  'password-expired': 'password-expired',
  'account-locked': 'locked',
  'change-after-reset': 'must-change-password'
}

/** What 389 DS and FreeIPA say where they are unwilling to bind an account (FreeIPA's ipa_pwd_extop and ipa_lockout). */
const unwillingReasons: ReadonlyArray<readonly [words: RegExp, reason: DeniedReason]> = [
  [/inactivated/i, 'disabled'],
  [/principal\) is expired/i, 'expired'],
  [/too many failed logins|permanently locked/i, 'locked']
]

/** The state of an account whose bind Active Directory refused; `undefined`: the password was wrong. */
const activeDirectoryState = (diagnostic: string): DeniedReason | undefined =>
  activeDirectoryReasons.get(/\bdata ([0-9a-f]+)/.exec(diagnostic)?.[1] ?? '')

/**
 * Why an account is refused, from the answer to its bind: Active Directory's message, or the password policy's control,
 * which may refuse a bind that succeeded. 389 DS answers the bind of an account that is switched off with
 * unwillingToPerform and a control that says `locked`, and of one with too many failures with constraintViolation.
 */
export const stateOfBind = (
  result: Pick<Result, 'code' | 'diagnostic' | 'controls'>,
  { isActiveDirectory }: { readonly isActiveDirectory: boolean }
): DeniedReason | undefined => {
  if (isActiveDirectory && result.code === codes.invalidCredentials) return activeDirectoryState(result.diagnostic)
  const unwilling =
    result.code === codes.unwillingToPerform && unwillingReasons.find(([words]) => words.test(result.diagnostic))
  if (unwilling) return unwilling[1]
  const { error } = passwordPolicyOf(result)
  const state = error && policyReasons[error]
  if (state !== undefined) return state
  return result.code === codes.constraintViolation && /retry limit/i.test(result.diagnostic) ? 'locked' : undefined
}

/** What an entry tells of its account's state; asked for where no bind tells it. */
export const stateAttributes: readonly string[] = [
  'userAccountControl',
  'msDS-User-Account-Control-Computed',
  'accountExpires',
  'pwdLastSet',
  'pwdAccountLockedTime',
  'pwdReset',
  'nsAccountLock',
  'krbPrincipalExpiration'
]

/** Bits of userAccountControl and of msDS-User-Account-Control-Computed (MS-ADTS 2.2.16). */
const flags = { disabled: 0x2, locked: 0x10, passwordNeverExpires: 0x1_00_00, passwordExpired: 0x80_00_00 } as const

const never = 0x7fff_ffff_ffff_ffffn

/** Epoch milliseconds of a FILETIME, which counts 100 ns from 1601; `undefined`: never, which two of its values mean. */
const timeOf = (fileTime: string | undefined): number | undefined => {
  if (fileTime === undefined || !/^\d+$/.test(fileTime)) return undefined
  const ticks = BigInt(fileTime)
  return ticks === 0n || ticks >= never ? undefined : Number(ticks / 10_000n) - 11_644_473_600_000
}

const isPast = (fileTime: string | undefined, now: number): boolean => {
  const time = timeOf(fileTime)
  return time !== undefined && time <= now
}

/** When Active Directory's password policies let the password expire (MS-ADTS 3.1.1.4.5.37); it tells so in the entry alone. */
export const expiryAttribute = 'msDS-UserPasswordExpiryTimeComputed'

/** In how many seconds the password expires as the entry has it; `undefined`: it does not say, or never. @param now epoch milliseconds */
export const passwordExpiryOfEntry = (entry: Entry, now: number): number | undefined => {
  const time = timeOf(textsOf(entry, expiryAttribute)[0])
  return time === undefined ? undefined : Math.max(0, Math.floor((time - now) / 1000))
}

/** `20261122013955Z` (RFC 4517 3.3.13), in UTC as directories write it. */
const isPastTime = (time: string | undefined, now: number): boolean => {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?/.exec(time ?? '') ?? []
  return year !== undefined && Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second ?? '00'}Z`) <= now
}

/** The state that an entry tells of; `undefined`: nothing speaks against it. @param now epoch milliseconds */
export const stateOfEntry = (entry: Entry, now: number): DeniedReason | undefined => {
  const first = (attribute: string) => textsOf(entry, attribute)[0]
  const control = Number(first('userAccountControl') ?? 0) | Number(first('msDS-User-Account-Control-Computed') ?? 0)
  const isTrue = (attribute: string) => first(attribute)?.toLowerCase() === 'true'
  if (control & flags.disabled || isTrue('nsAccountLock')) return 'disabled'
  if (isPast(first('accountExpires'), now) || isPastTime(first('krbPrincipalExpiration'), now)) return 'expired'
  // Year 0: locked by an administrator, for good. A lock that ends by itself leaves its time behind when it has ended.
  if (control & flags.locked || first('pwdAccountLockedTime')?.startsWith('0000')) return 'locked'
  const isNew = first('pwdLastSet') === '0' && !(control & flags.passwordNeverExpires)
  if (isNew || isTrue('pwdReset')) return 'must-change-password'
  return control & flags.passwordExpired ? 'password-expired' : undefined
}
