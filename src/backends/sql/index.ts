import { defineBackend } from '../../auth/define-backend.ts'
import { openSql } from './open.ts'
import { SqlOptions, sqlMistakes } from './options.ts'

/** Somebody else's table, which is only read. */
export const sqlBackend = defineBackend({
  mirrors: () => false,
  options: SqlOptions,
  mistakes: sqlMistakes,
  open: openSql
})
