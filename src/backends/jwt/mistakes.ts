import type { OptionMistake } from '../../auth/define-backend.ts'
import { builtInFields } from '../../config/reserved.ts'
import { milliseconds } from '../../config/units.ts'
import { isTrustworthyUrl } from '../../remote/fetch-json.ts'
import type { JwtOptions } from './options.ts'

type Mistake = false | undefined | readonly [path: string, message: string]

const asymmetric: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP'])
const url = 'expected an https URL, or plain http on loopback'

/** What no schema can say of the options. */
export function jwtMistakes(options: JwtOptions): OptionMistake[] {
  const { issuer, algorithms, jwks, claims, maxAge = '1h', maxAuthAge = '1h' } = options
  const isFixed = typeof jwks === 'object'
  const found: Mistake[] = [
    (!isTrustworthyUrl(issuer) || /[?#]/.test(issuer)) && ['/issuer', `${url}, without query and fragment`],
    typeof jwks === 'string' && /^https?:/i.test(jwks) && !isTrustworthyUrl(jwks) && ['/jwks', url],
    jwks !== undefined && algorithms === undefined && ['/algorithms', 'is missing: it is needed beside jwks'],
    isFixed && options.tls !== undefined && ['/tls', 'is for keys that are fetched'],
    milliseconds(maxAge) < 1000 && ['/maxAge', 'expected one second at least'],
    milliseconds(maxAuthAge) < 1000 && ['/maxAuthAge', 'expected one second at least'],
    ...(isFixed ? jwks.keys.flatMap(keyMistakes) : []),
    ...Object.keys(claims?.attributes ?? {}).map(
      (name): Mistake => builtInFields.has(name) && [`/claims/attributes/${name}`, 'is a field beside attributes']
    )
  ]
  return found.flatMap((mistake) => (mistake ? [{ path: mistake[0], message: mistake[1] }] : []))
}

function keyMistakes(key: Readonly<Record<string, unknown>>, index: number): Mistake[] {
  const path = `/jwks/keys/${index}`
  return [
    !asymmetric.has(key.kty) && [path, 'expected a public key of type RSA, EC or OKP'],
    key.d !== undefined && [path, 'is a private key']
  ]
}
