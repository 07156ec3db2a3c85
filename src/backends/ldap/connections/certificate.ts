import { createHash, X509Certificate } from 'node:crypto'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'

/** The SHA-256 of a certificate's public key (its SubjectPublicKeyInfo, as in RFC 7469 2.4), base64. */
const pinOf = (certificate: X509Certificate): string =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')

/** The code of the error for a certificate whose key is not one of those that are pinned. */
export const pinMismatch = 'LATCHKEY_PIN_MISMATCH'

/**
 * What is wrong with a verified certificate: it carries another name, or its key is none of the pinned ones. A pin comes
 * on top of the authorities, never in their place.
 */
export const certificateMistake = (
  name: string,
  certificate: PeerCertificate,
  pins: readonly string[]
): Error | undefined => {
  const mistake = checkServerIdentity(name, certificate)
  if (mistake !== undefined || pins.length === 0) return mistake
  if (pins.includes(pinOf(new X509Certificate(certificate.raw)))) return undefined
  return Object.assign(new Error('the key of the certificate is not the pinned one'), { code: pinMismatch })
}

/** What a certificate says, for who wants to know why it was refused. */
export interface CertificateFacts {
  readonly names: string
  readonly issuer: string
  readonly validFrom: Date
  readonly validTo: Date
  readonly pin: string
}

const commonNameOf = (name: string): string => /(?:^|\n)CN=([^\n]*)/.exec(name)?.[1] ?? name.replaceAll('\n', ', ')

/** Reads what a person wants to know of a certificate. */
export const factsOf = (certificate: X509Certificate): CertificateFacts => ({
  names: certificate.subjectAltName?.replaceAll(/(?:DNS|IP Address):/g, '') ?? commonNameOf(certificate.subject),
  issuer: commonNameOf(certificate.issuer),
  validFrom: certificate.validFromDate,
  validTo: certificate.validToDate,
  pin: pinOf(certificate)
})
