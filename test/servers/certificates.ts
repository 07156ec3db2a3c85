import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** PEM files of an authority of one's own and a certificate from it. */
export interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** What the certificate is for, in OpenSSL's words, and how its files begin. */
export interface CertificateOptions {
  readonly names?: string
  readonly prefix?: string
  /** From when until when, as `20200101000000Z`, for one that is not good today. */
  readonly validity?: readonly [from: string, to: string]
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** Makes an authority and a server certificate, good for two days, with openssl. */
export async function createCertificates(folder: string, options: CertificateOptions = {}): Promise<Certificates> {
  const { names = 'DNS:localhost,IP:127.0.0.1', prefix = 'server', validity } = options
  const file = (name: string) => join(folder, `${prefix}-${name}`)
  const files = { ca: file('ca.pem'), cert: file('cert.pem'), key: file('key.pem') }
  const authority = ['-x509', ...newKey, '-keyout', file('ca-key.pem'), '-out', files.ca]
  await run('openssl', ['req', ...authority, '-days', '2', '-subj', `/CN=Latchkey test authority ${prefix}`])
  await run('openssl', [
    'req',
    ...newKey,
    '-keyout',
    files.key,
    '-out',
    file('request.pem'),
    '-subj',
    '/CN=latchkey-test'
  ])
  await writeFile(file('extensions.cnf'), `subjectAltName=${names}\n`)
  const signing = ['-CA', files.ca, '-CAkey', file('ca-key.pem'), '-CAcreateserial', '-extfile', file('extensions.cnf')]
  await run('openssl', ['x509', '-req', '-in', file('request.pem'), ...signing, '-days', '2', '-out', files.cert])
  if (validity) await signAgain(folder, file, files, validity)
  return files
}

/** `openssl x509` of version 3.0 knows no dates; `openssl ca` does. */
async function signAgain(
  folder: string,
  file: (name: string) => string,
  { ca, cert }: Certificates,
  [from, to]: readonly [string, string]
): Promise<void> {
  const settings = [
    '[ca]\ndefault_ca=own\n[own]\ndefault_md=sha256\npolicy=any',
    `database=${file('index.txt')}\nrand_serial=yes\nnew_certs_dir=${folder}`,
    '[any]\ncommonName=supplied\n'
  ]
  await writeFile(file('ca.cnf'), settings.join('\n'))
  await writeFile(file('index.txt'), '')
  const authority = ['-config', file('ca.cnf'), '-cert', ca, '-keyfile', file('ca-key.pem')]
  const dates = ['-startdate', from, '-enddate', to, '-extfile', file('extensions.cnf')]
  await run('openssl', ['ca', '-batch', '-notext', ...authority, ...dates, '-in', file('request.pem'), '-out', cert])
}
