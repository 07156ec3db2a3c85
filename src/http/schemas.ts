import { accessSchemas } from './schemas/access.ts'
import { ErrorBody } from './schemas/errors.ts'
import { grants, TokenAnswer, TokenRequest } from './schemas/grants.ts'
import { Health, StatusAnswer } from './schemas/operations.ts'
import { Introspection, KeySet, TokenQuery } from './schemas/tokens.ts'
import { UserInfo } from './schemas/userinfo.ts'

export * from './schemas/access.ts'
export * from './schemas/errors.ts'
export * from './schemas/grants.ts'
export * from './schemas/operations.ts'
export * from './schemas/tokens.ts'
export * from './schemas/userinfo.ts'
export { clientFields, ref } from './schemas/words.ts'

/** What the routes and the document refer to by name. */
export const shared = [
  ErrorBody,
  ...grants,
  TokenRequest,
  TokenAnswer,
  TokenQuery,
  Introspection,
  UserInfo,
  KeySet,
  Health,
  StatusAnswer,
  ...accessSchemas
] as const
