import type { Backend, HeaderCredentials, PermissionObject } from '../auth/backend.ts'
import type { Passwords } from '../auth/ports.ts'

/** What is known of a backend, whatever it takes. */
interface Known {
  readonly backend: Backend
  /** What verifies stored hashes; the service's own unless set. */
  readonly passwords?: Passwords
  /** Makes the source unreachable; absent: there is nothing outside this process. */
  readonly breakSource?: () => Promise<unknown>
  /** What must never be seen in an error, beside the credentials. */
  readonly secrets?: readonly string[]
  /** The permissions that the anonymous user holds; none unless set. */
  readonly anonymous?: readonly string[]
  /** A permission that the account holds on an object, and on no other; absent: none that the suite may know of. */
  readonly onObject?: { readonly permission: string; readonly object: PermissionObject }
}

/** A backend that takes passwords, with somebody to log in. */
export interface ConformingPasswords extends Known {
  readonly username: string
  readonly password: string
  /** Somebody who is there, and disabled; absent: this type knows no such state. */
  readonly disabled?: { readonly username: string; readonly password: string }
}

/** A backend that takes tokens, with one that it accepts. */
export interface ConformingTokens extends Known {
  /** A good token of the same account each time; a new one, where each is good once. */
  readonly token: () => string | Promise<string>
  /** As what it is presented (RFC 8693 section 3): `urn:ietf:params:oauth:token-type:jwt` unless set. */
  readonly tokenType?: string
  /** Tokens that it must not accept, by what is wrong with each: at least one. */
  readonly wrong: Readonly<Record<string, string>>
}

/** A backend that takes the headers of a proxy, with those that it accepts. */
export interface ConformingHeaders extends Known {
  /** Names in lower case. */
  readonly headers: HeaderCredentials['headers']
  /** The proxy's address. */
  readonly peer: string
  /** What it must not accept, by what is wrong with each: at least one. */
  readonly wrong: Readonly<Record<string, Partial<Pick<HeaderCredentials, 'headers' | 'peer'>>>>
}

/** A backend, and what it accepts. */
export type Conforming = ConformingPasswords | ConformingTokens | ConformingHeaders
