import { defineBackend } from '../../auth/define-backend.ts'
import { openHttp } from './open.ts'
import { HttpOptions, httpMistakes } from './options.ts'

/** Another service decides: one POST a question, signed, and answered as docs/backends/http.openapi.yaml has it. */
export const httpBackend = defineBackend({
  mirrors: () => false,
  options: HttpOptions,
  mistakes: httpMistakes,
  open: openHttp
})
