import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls'

/** Files and limits of TLS, as in the options. */
export interface TlsFiles {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly minVersion?: SecureVersion
}

/** What is said where the files can't be read, or hold something else than they should. */
export const unusableFiles = 'the certificate files cannot be used'

const inWords = (cause: unknown): unknown =>
  cause instanceof Error && 'code' in cause && cause.code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
    ? new Error('tls.key is not the key of tls.cert')
    : cause

const freshMs = 60_000

const certificate = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/

/**
 * The TLS settings for new connections; the files are read again after a minute, or at once after a mistake in them.
 * @param failure what is thrown where the files can't be used
 */
export const secureContextReader = (
  files: TlsFiles,
  baseFolder: string,
  failure: (message: string, cause: unknown) => Error
): (() => Promise<SecureContext>) => {
  let current: { readonly context: Promise<SecureContext>; readonly since: number } | undefined
  const file = async (name: string | undefined) =>
    name === undefined ? undefined : readFile(resolve(baseFolder, name))
  const read = async (): Promise<SecureContext> => {
    try {
      const [ca, cert, key] = await Promise.all([file(files.ca), file(files.cert), file(files.key)])
      // Node would trust nobody then, and not say why
      if (ca && !certificate.test(ca.toString('latin1'))) throw new Error(`${files.ca} holds no certificate in PEM`)
      return createSecureContext({
        minVersion: files.minVersion ?? 'TLSv1.2',
        ...(ca && { ca }),
        ...(cert && { cert }),
        ...(key && { key })
      })
    } catch (cause) {
      current = undefined
      throw failure(unusableFiles, inWords(cause))
    }
  }
  return () => {
    const now = performance.now()
    if (current === undefined || now - current.since > freshMs) current = { context: read(), since: now }
    return current.context
  }
}
