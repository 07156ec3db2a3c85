/** What a backend of one's own is tested with: `import { conformanceOf, openBackend } from 'latchkey/testing'`. */
export { conformanceOf, type TestRunner } from './conformance.ts'
export type { Conforming, ConformingHeaders, ConformingPasswords, ConformingTokens } from './conforming.ts'
export { type OpenOptions, openBackend } from './open-backend.ts'
