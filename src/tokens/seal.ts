import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** Seals small texts for their rest in the database. */
export interface Seal {
  seal(text: string): string
  /** `undefined` where none of the secrets opens it: it was sealed with another one, or it was changed. */
  open(sealed: string): string | undefined
  /** Whether the newest secret sealed it. */
  isNewest(sealed: string): boolean
}

const version = 'v1'

/**
 * AES-256-GCM under keys that HKDF-SHA-256 (RFC 5869) derives from the service's secrets: the first seals, all open.
 * @param purpose keeps the keys of two uses apart
 */
export function createSeal(secrets: readonly string[], purpose: string): Seal {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, 'latchkey', purpose, 32)))
  const [first] = keys
  if (first === undefined) throw new TypeError('a seal needs a secret')
  return {
    seal(text) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', first, iv)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return [version, iv, cipher.getAuthTag(), body]
        .map((part) => (typeof part === 'string' ? part : part.toString('base64url')))
        .join('.')
    },
    open(sealed) {
      for (const key of keys) {
        const text = unseal(sealed, key)
        if (text !== undefined) return text
      }
      return undefined
    },
    isNewest: (sealed) => unseal(sealed, first) !== undefined
  }
}

function unseal(sealed: string, key: Buffer): string | undefined {
  const [tagged, iv = '', tag = '', body = ''] = sealed.split('.')
  if (tagged !== version) return undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), { authTagLength: 16 })
    decipher.setAuthTag(Buffer.from(tag, 'base64url'))
    return Buffer.concat([decipher.update(Buffer.from(body, 'base64url')), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}
