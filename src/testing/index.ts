/** What a backend of one's own is tested with: `import { conformanceOf, openBackend } from 'latchkey/testing'`. */
export { type Conforming, conformanceOf, type TestRunner } from './conformance.ts'
export { type OpenOptions, openBackend } from './open-backend.ts'
