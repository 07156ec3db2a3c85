import { createPublicKey } from 'node:crypto'
import { createVerifier } from 'fast-jwt'

const { JWK = '{}' } = process.env

/** One verification of another issuer's token: whose it is. */
export function openJwt(): (token: string) => { readonly subject: string; readonly email: string } {
  const pem = createPublicKey({ key: JSON.parse(JWK), format: 'jwk' }).export({ format: 'pem', type: 'spki' })
  const verify = createVerifier({ key: String(pem), algorithms: ['ES256'] })
  return (token) => {
    const { sub, email } = verify(token) as { sub: string; email: string }
    return { subject: sub, email }
  }
}
