export { type Conforming, conformanceOf } from '../../src/testing/conformance.ts'
