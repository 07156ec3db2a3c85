/** The directories whose habits are known: what the root DSE tells, or the option `preset`. */
export type Preset = 'active-directory' | 'openldap' | '389ds' | 'freeipa'

/** What the option `preset` may say. */
export const presets: readonly Preset[] = ['active-directory', 'openldap', '389ds', 'freeipa']

interface Habits {
  /** The attribute with the account's immutable id. */
  readonly subject: string
  /** How an account is found where a search has no filter, in order. */
  readonly filters: readonly string[]
}

const person = '(objectClass=user)(!(objectClass=computer))'
const byUidOrMail = ['(uid={username})', '(mail={username})']

/** Where the server is none of these, it is taken for one that keeps to the standards, as OpenLDAP does. */
export const habitsOf: Readonly<Record<Preset, Habits>> = {
  'active-directory': {
    subject: 'objectGUID',
    filters: [
      `(&${person}(sAMAccountName={username}))`,
      `(&${person}(userPrincipalName={username}))`,
      `(&${person}(mail={username}))`
    ]
  },
  openldap: { subject: 'entryUUID', filters: byUidOrMail },
  '389ds': { subject: 'nsUniqueId', filters: byUidOrMail },
  freeipa: { subject: 'ipaUniqueID', filters: byUidOrMail }
}

/** What a server's root DSE (RFC 4512 5.1) says, as values by attribute. */
export const presetOf = (values: (attribute: string) => readonly string[]): Preset | undefined => {
  if (values('supportedCapabilities').includes('1.2.840.113556.1.4.800')) return 'active-directory'
  if (values('ipaDomainLevel').length > 0 || values('ipaTopologyPluginVersion').length > 0) return 'freeipa'
  if (values('vendorName').some((name) => /389 project/i.test(name))) return '389ds'
  return values('objectClass').includes('OpenLDAProotDSE') ? 'openldap' : undefined
}
