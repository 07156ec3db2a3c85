import { PresenceFilter } from 'ldapts'
import { textsOf } from '../entry.ts'
import { type Preset, presetOf } from '../preset.ts'
import type { Deadline } from './deadline.ts'
import type { Session } from './session.ts'

/** What a server says of itself (RFC 4512 5.1), as far as we ask. */
export interface RootDse {
  readonly isActiveDirectory: boolean
  /** Which directory it is, where it is one that we know. */
  readonly preset?: Preset | undefined
  readonly canPage: boolean
}

const telling = ['supportedCapabilities', 'vendorName', 'objectClass', 'ipaDomainLevel', 'ipaTopologyPluginVersion']
const pagedResults = '1.2.840.113556.1.4.319'

const names: Readonly<Record<Preset, string>> = {
  'active-directory': 'Active Directory',
  openldap: 'OpenLDAP',
  '389ds': '389 Directory Server',
  freeipa: 'FreeIPA'
}

/** A root DSE in words. */
export const inWords = ({ preset, canPage }: RootDse): string =>
  `${preset === undefined ? 'an LDAP directory of another kind, taken for one like OpenLDAP' : names[preset]}${canPage ? '' : ', which does not know paged results'}`

/** Reads a server's root DSE. One that hides it is taken for a plain LDAP server. */
export const readRootDse = async (session: Session, deadline: Deadline): Promise<RootDse> => {
  const answer = await session.search(
    {
      base: '',
      scope: 'base',
      filter: new PresenceFilter({ attribute: 'objectClass' }),
      attributes: ['supportedControl', ...telling],
      sizeLimit: 1
    },
    deadline
  )
  const [entry] = answer.entries
  const preset = entry && presetOf((attribute) => textsOf(entry, attribute))
  return {
    isActiveDirectory: preset === 'active-directory',
    preset,
    canPage: entry !== undefined && textsOf(entry, 'supportedControl').includes(pagedResults)
  }
}

/** A session that answers anything at all is alive; it need not be bound. @throws {LdapFailure} it does not */
export const checkAlive = async (session: Session, deadline: Deadline): Promise<void> => {
  const filter = new PresenceFilter({ attribute: 'objectClass' })
  await session.search({ base: '', scope: 'base', filter, attributes: ['1.1'], sizeLimit: 1 }, deadline)
}
