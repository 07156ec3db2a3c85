export { conformanceOf } from '../../src/testing/conformance.ts'
export type { Conforming } from '../../src/testing/conforming.ts'
