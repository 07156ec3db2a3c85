import { type IssuerKey, signed } from './issuer.ts'

/**
 * How an issuer publishes a key, what stands in the header of its tokens, and in their claims: each as its documentation
 * shows it, dates and addresses aside.
 */
export interface TokenShape {
  readonly published: readonly object[]
  readonly header: Readonly<Record<string, unknown>>
  claims(iss: string): Record<string, unknown>
}

/** Signs a token of this shape; claims that are `undefined` are left out. */
export const shaped = (
  { header, claims }: TokenShape,
  key: IssuerKey,
  iss: string,
  other: Record<string, unknown> = {}
): Promise<string> => signed(key, { ...claims(iss), ...other }, header)

const now = (): number => Math.floor(Date.now() / 1000)
const partsOf = ({ jwk: { n, e } }: IssuerKey) => ({ kty: 'RSA', n, e })
const thumbprint = 'MR-pGTa866RdZLjN6Vwrfay907g'

/** developers.google.com/identity/openid-connect: an ID token. */
export const google = (key: IssuerKey): TokenShape => ({
  published: [{ ...partsOf(key), use: 'sig', alg: 'RS256', kid: 'f833e8a7b3fe4b878f12a5b9f0ab1c2d3e4f5061' }],
  header: { alg: 'RS256', kid: 'f833e8a7b3fe4b878f12a5b9f0ab1c2d3e4f5061', typ: 'JWT' },
  claims: (iss) => ({
    ...{ iss, azp: '1234567890-abc.apps.googleusercontent.com', aud: '1234567890-abc.apps.googleusercontent.com' },
    ...{ sub: '10769150350006150715113082367', at_hash: 'HK6E_P6Dh8Y93mRNtsDB1Q', hd: 'example.com' },
    ...{ email: 'jsmith@example.com', email_verified: true, nonce: '0394852-3190485-2490358' },
    ...{ name: 'Jane Smith', given_name: 'Jane', family_name: 'Smith', iat: now(), exp: now() + 3600 }
  })
})

/** Microsoft's reference of the claims in ID tokens and of optional claims; its keys name no algorithm. */
export const entra = (key: IssuerKey): TokenShape => ({
  published: [
    {
      ...{ ...partsOf(key), use: 'sig', kid: thumbprint, x5t: thumbprint, x5c: ['MIIC/TCCAeWgAwIBAgIICHb5qy8hKKgw'] },
      ...{ cloud_instance_name: 'microsoftonline.com', issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' }
    }
  ],
  header: { typ: 'JWT', alg: 'RS256', kid: thumbprint },
  claims: (iss) => ({
    ...{ aud: '55555555-6666-7777-8888-999999999999', iss, iat: now(), nbf: now(), exp: now() + 3900 },
    ...{ aio: 'Df2UVXL1ix!lMCWMSOJBcFatzcGfvFGhjKv8q5g0x732dR5MB5BisvGQO7YWByjd8iQDLq!', ver: '2.0' },
    ...{ email: 'abeli@example.com', name: 'Abe Lincoln', preferred_username: 'AbeLi@example.com', nonce: '123523' },
    ...{ oid: '00000000-0000-0000-66f3-3332eca7ea81', sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ' },
    ...{
      rh: '0.AAAA',
      roles: ['add_post'],
      sid: '00aa00aa-bb11-cc22-dd33-44ee44ee44ee',
      uti: 'fqiBqXLPj0eQa82S-IYFAA'
    },
    ...{ tid: '00000000-1111-2222-3333-444444444444', xms_edov: true }
  })
})

/** An access token of the first version, which an API of Entra gets unless its application asks for the second. */
export const entraOfVersionOne = (key: IssuerKey): TokenShape => ({
  ...entra(key),
  header: { typ: 'JWT', alg: 'RS256', x5t: thumbprint, kid: thumbprint },
  claims: (iss) => ({
    ...{ aud: 'api://55555555-6666-7777-8888-999999999999', iss, iat: now(), nbf: now(), exp: now() + 4500, acr: '1' },
    ...{ aio: 'AXQAi/8IAAAA', amr: ['pwd'], appid: '6e74172b-be56-4843-9ff4-e66a39bb12e3', appidacr: '0' },
    ...{ email: 'abeli@example.com', family_name: 'Lincoln', given_name: 'Abe', ipaddr: '192.0.2.1', ver: '1.0' },
    ...{ name: 'Abe Lincoln', oid: '00000000-0000-0000-66f3-3332eca7ea81', rh: '0.AAAA', scp: 'access_as_user' },
    ...{ sub: 'l3_roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA', tid: '00000000-1111-2222-3333-444444444444' },
    ...{ unique_name: 'abeli@example.com', upn: 'abeli@example.com', uti: 'fqiBqXLPj0eQa82S-IYFAA' }
  })
})

/** Keycloak's access tokens, with client roles and the mapper of groups; beside its key one that encrypts. */
export const keycloak = (key: IssuerKey): TokenShape => ({
  published: [
    {
      ...{ ...partsOf(key), kid: 'encryption', alg: 'RSA-OAEP', use: 'enc', x5c: ['MIICmzCCAYMCBgF'] },
      ...{ x5t: 'dT8P', 'x5t#S256': 'f2Zk' }
    },
    {
      ...{ ...partsOf(key), kid: 'FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE', alg: 'RS256', use: 'sig' },
      ...{ x5c: ['MIICmzCCAYMCBgF'], x5t: 'dT8P', 'x5t#S256': 'f2Zk' }
    }
  ],
  header: { alg: 'RS256', typ: 'JWT', kid: 'FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE' },
  claims: (iss) => ({
    ...{ exp: now() + 300, iat: now(), auth_time: now() - 60, jti: 'onrtac:d58f5dc8-fd8f-462b-8a19-716f8f83985b', iss },
    ...{
      aud: ['latchkey', 'account'],
      sub: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
      typ: 'Bearer',
      azp: 'shop-frontend'
    },
    ...{ sid: '2a88c258-f73a-4103-b862-e1fbd8f4e04e', acr: '1', 'allowed-origins': ['https://shop.example.com'] },
    realm_access: { roles: ['offline_access', 'default-roles-staff', 'uma_authorization'] },
    resource_access: {
      latchkey: { roles: ['sell', 'refund'] },
      account: { roles: ['manage-account', 'manage-account-links', 'view-profile'] }
    },
    ...{ scope: 'openid email profile', email_verified: true, name: 'Sam Teller', groups: ['/sales', '/sales/north'] },
    ...{ preferred_username: 'sam', given_name: 'Sam', family_name: 'Teller', email: 'sam@example.com' }
  })
})

/** docs.gitlab.com/ci/secrets/id_token_authentication: ids are texts, but for the runner's. */
export const gitlab = (key: IssuerKey): TokenShape => ({
  published: [{ ...partsOf(key), kid: '4i3sFE7sxqNPOT7FdvcGA1ZVGGI_r-tsDXnEuYT4ZqE', use: 'sig', alg: 'RS256' }],
  header: { kid: '4i3sFE7sxqNPOT7FdvcGA1ZVGGI_r-tsDXnEuYT4ZqE', typ: 'JWT', alg: 'RS256' },
  claims: (iss) => ({
    ...{ namespace_id: '72', namespace_path: 'my-group', project_id: '20', project_path: 'my-group/my-project' },
    ...{
      user_id: '1',
      user_login: 'sample-user',
      user_email: 'sample-user@example.com',
      user_access_level: 'developer'
    },
    user_identities: [
      { provider: 'github', extern_uid: '2435223452345' },
      { provider: 'bitbucket', extern_uid: 'john.smith' }
    ],
    ...{ pipeline_id: '574', pipeline_source: 'push', job_id: '302', ref: 'feature-branch-1', ref_type: 'branch' },
    ...{ ref_path: 'refs/heads/feature-branch-1', ref_protected: 'false', groups_direct: ['mygroup/mysubgroup'] },
    ...{ environment: 'test-environment2', environment_protected: 'false', deployment_tier: 'testing' },
    ...{ runner_id: 1, runner_environment: 'self-hosted', sha: '714a629c0b401fdce83e847fc9589983fc6f46bc' },
    ...{ project_visibility: 'public', ci_config_sha: '714a629c0b401fdce83e847fc9589983fc6f46bc', iss },
    ...{ jti: '235b3a54-b797-45c7-ae9a-f72d7bc6ef5b', iat: now(), nbf: now() - 5, exp: now() + 3600 },
    ...{ sub: 'project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1', aud: 'https://auth.example.com' }
  })
})

/** kubernetes.io, "Managing Service Accounts": a projected token with an audience of its own; its header has no type. */
export const kubernetes = (key: IssuerKey): TokenShape => ({
  published: [{ use: 'sig', ...partsOf(key), kid: 'OAjVVaejWFc0Yt9ykr0_8lMMuRNs67OXTWHsN02Pkyw', alg: 'RS256' }],
  header: { alg: 'RS256', kid: 'OAjVVaejWFc0Yt9ykr0_8lMMuRNs67OXTWHsN02Pkyw', typ: undefined },
  claims: (iss) => ({
    ...{ aud: ['https://auth.example.com'], exp: now() + 3600, iat: now(), iss },
    jti: 'ea28ed49-2e11-4280-9ec5-bc3d1d84661a',
    'kubernetes.io': {
      namespace: 'my-namespace',
      node: { name: 'my-node', uid: '646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1' },
      pod: { name: 'my-pod', uid: '5e0bd49b-f040-43b0-99b7-22765a53f7f3' },
      serviceaccount: { name: 'my-serviceaccount', uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' }
    },
    ...{ nbf: now(), sub: 'system:serviceaccount:my-namespace:my-serviceaccount' }
  })
})
