import { defineBackend } from '../../auth/define-backend.ts'
import { ldapMistakes } from './mistakes.ts'
import { openLdap } from './open.ts'
import { LdapOptions } from './options.ts'

/**
 * An LDAP directory or Active Directory: finds the account by search, verifies the password by a bind as that account,
 * and gives the permissions of its groups.
 */
export const ldapBackend = defineBackend({
  mirrors: ({ groups }) => (groups?.mirror ?? false) !== false,
  options: LdapOptions,
  mistakes: ldapMistakes,
  open: openLdap
})
