import { parentPort } from 'node:worker_threads'
import { sameBytes } from '../reading.ts'
import { type Md5Crypt, md5Crypt } from './md5-crypt.ts'
import { type Phpass, phpass } from './phpass.ts'
import { type ShaCrypt, shaCrypt } from './sha-crypt.ts'

/** A password to be verified against `key`, the last part of a hash. */
export type Iterated = (ShaCrypt | Md5Crypt | Phpass) & { readonly key: string }

const computed = (work: Iterated): string => {
  switch (work.kind) {
    case 'sha-crypt':
      return shaCrypt(work)
    case 'md5-crypt':
      return md5Crypt(work)
    case 'phpass':
      return phpass(work)
  }
}

parentPort?.on('message', (work: Iterated) => {
  parentPort?.postMessage(sameBytes(Buffer.from(computed(work)), Buffer.from(work.key)))
})
