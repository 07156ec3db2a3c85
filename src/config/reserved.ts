/** The fields that every user has; one's own are called otherwise. */
export const builtInFields: ReadonlySet<string> = new Set([
  'attributes',
  'backend',
  'createdAt',
  'displayName',
  'email',
  'emailVerified',
  'emailVouched',
  'employeeNumber',
  'firstName',
  'groups',
  'hasPassword',
  'id',
  'identities',
  'initials',
  'isActive',
  'isSuperuser',
  'lastLoginAt',
  'lastName',
  'loginNames',
  'objectGrants',
  'objectGrantsPart',
  'ownAttributes',
  'ownSuperuser',
  'password',
  'passwordHash',
  'permissions',
  'subject',
  'superuser',
  'updatedAt',
  'username'
])

/** Those of them that backends give values for. */
export const mappedFields: ReadonlySet<string> = new Set([
  'displayName',
  'employeeNumber',
  'firstName',
  'initials',
  'lastName'
])

/**
 * Claims that RFC 7519, 7800, 8693, 9068 and OpenID Connect give a meaning that verifiers act on, and those that the
 * service itself writes.
 */
export const reservedClaims: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'typ', 'cty', 'alg', 'kid'],
  ...['client_id', 'auth_time', 'acr', 'amr', 'azp', 'scope', 'sid', 'nonce', 'cnf', 'act', 'may_act', 'active'],
  ...[
    'at_hash',
    'c_hash',
    's_hash',
    'events',
    'gty',
    'token_type',
    'authorization_details',
    'sub_jwk',
    'sub_id',
    'username'
  ],
  ...['email', 'email_verified', 'name', 'given_name', 'family_name', 'preferred_username', 'updated_at'],
  ...['backend', 'permissions', 'permissions_digest', 'groups', 'roles', 'entitlements']
])
