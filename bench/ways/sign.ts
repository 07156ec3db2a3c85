import { generateKeyPairSync } from 'node:crypto'
import { createSigner } from 'fast-jwt'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = String(privateKey.export({ format: 'pem', type: 'pkcs8' }))

/** One ES256 signature; the token lives ten minutes. */
export const sign = createSigner({ key, algorithm: 'ES256', expiresIn: 600_000 })
