import { OwnPassword } from './account.ts'
import { Backend } from './admin/backends.ts'
import { Client, ClientChange, ClientSecret, NewClient, SecretRotation } from './admin/clients.ts'
import { KeyRotation, RotatedKeys, SigningKey } from './admin/keys.ts'
import { Session } from './admin/sessions.ts'
import { Problem } from './problems.ts'

/** What the routes of administration and of self-service refer to by name. */
export const administrative = [
  Problem,
  Session,
  Client,
  ClientSecret,
  NewClient,
  ClientChange,
  SecretRotation,
  SigningKey,
  KeyRotation,
  RotatedKeys,
  Backend,
  OwnPassword
] as const
