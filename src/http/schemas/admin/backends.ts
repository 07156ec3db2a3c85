import Type from '../../../schema/type.ts'
import { TextOrNull, TimeOrNull } from './words.ts'

/** A backend of the chain; its options, which hold secrets, stay in the configuration. */
export const Backend = Type.Object(
  {
    id: Type.String(),
    type: Type.String(),
    state: Type.Enum(['closed', 'open', 'half-open'], {
      description: '`closed`: asked as usual, `open`: taken for dead, `half-open`: being tried'
    }),
    lastError: TextOrNull,
    since: TimeOrNull
  },
  { $id: 'Backend', examples: [{ id: 'corp', type: 'ldap', state: 'closed', lastError: null, since: null }] }
)
