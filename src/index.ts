/** What a backend of one's own is written with: `import { defineBackend, Type } from 'latchkey'`. */
export type { Static } from 'typebox'
export type {
  Attributes,
  AttributeValue,
  AuthenticateContext,
  Backend,
  BackendContext,
  Credentials,
  DeniedReason,
  Grant,
  HeaderCredentials,
  Identity,
  IdentityAnswer,
  PasswordChange,
  PasswordCredentials,
  PasswordWarnings,
  PermissionAnswer,
  PermissionObject,
  PermissionRequest,
  RejectedReason,
  TokenCredentials,
  TraceStep,
  Verdict
} from './auth/backend.ts'
export type { BreakerStatus } from './auth/breaker.ts'
export { type BackendDefinition, type BackendTools, defineBackend, type OptionMistake } from './auth/define-backend.ts'
export type { LocalAccount, LocalAccounts } from './auth/local-accounts.ts'
export type { BackendMetrics, Log } from './auth/ports.ts'
export { BackendUnavailable, type PasswordRefusedReason } from './errors.ts'
export { default as Type } from './schema/type.ts'
