import type { Static, TSchema } from 'typebox'
import Type from '../../schema/type.ts'
import { typed } from './words.ts'

/** Unknown fields are to be ignored (AuthZEN 10.1.1). */
const open = { additionalProperties: true } as const
const word = (description: string) => Type.String({ minLength: 1, maxLength: 1024, pattern: typed, description })
const Properties = Type.Optional(Type.Object({}, { ...open, description: 'Taken, and not looked at' }))
const example = {
  subject: { type: 'user', id: 'alice@example.com' },
  action: { name: 'blog.change_post' },
  resource: { type: 'post', id: '1' }
}

/** AuthZEN 5.1. */
const AccessSubject = Type.Object(
  {
    type: word('`user`, or `anonymous`'),
    id: word('A UUID or an e-mail address, or `anonymous`'),
    properties: Properties
  },
  { $id: 'AccessSubject', ...open }
)
/** AuthZEN 5.3. */
const AccessAction = Type.Object(
  { name: word('The name of a permission'), properties: Properties },
  { $id: 'AccessAction', ...open }
)
/** AuthZEN 5.2. */
const AccessResource = Type.Object(
  { type: word('The type of an object; `any` with the id `*`: no object'), id: word('Its id'), properties: Properties },
  { $id: 'AccessResource', ...open }
)
const context = Type.Optional(Type.Object({}, { ...open, description: 'Taken, and not looked at' }))
const fields = { subject: AccessSubject, action: AccessAction, resource: AccessResource, context }

/** AuthZEN 6.1. */
export const EvaluationRequest = Type.Object(fields, { $id: 'EvaluationRequest', ...open, examples: [example] })
/** What fits the schema of the same name. */
export type EvaluationRequest = Static<typeof EvaluationRequest>

const part = <Schema extends TSchema>(entity: Schema) => Type.Optional(entity)
const someText = Type.Optional(Type.String({ maxLength: 1024 }))
const partial = {
  subject: part(Type.Object({ type: someText, id: someText }, open)),
  action: part(Type.Object({ name: someText }, open)),
  resource: part(Type.Object({ type: someText, id: someText }, open)),
  context
}

/** As many questions as one batch may hold. */
const mostEvaluations = 200

/** AuthZEN 7.1: what an evaluation leaves out comes from the top level. */
export const EvaluationsRequest = Type.Object(
  {
    ...partial,
    evaluations: Type.Optional(
      Type.Array(Type.Object({}, open), { maxItems: mostEvaluations, description: 'Each as an EvaluationRequest' })
    ),
    options: Type.Optional(
      Type.Object(
        {
          evaluations_semantic: Type.Optional(
            Type.Enum(['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'], { type: 'string' })
          )
        },
        open
      )
    )
  },
  {
    $id: 'EvaluationsRequest',
    ...open,
    examples: [
      {
        subject: example.subject,
        action: example.action,
        evaluations: [{ resource: { type: 'post', id: '1' } }, { resource: { type: 'post', id: '2' } }],
        options: { evaluations_semantic: 'deny_on_first_deny' }
      }
    ]
  }
)
/** What fits the schema of the same name. */
export type EvaluationsRequest = Static<typeof EvaluationsRequest>

/** AuthZEN 5.5. */
export const AccessDecision = Type.Object(
  {
    decision: Type.Boolean(),
    context: Type.Optional(
      Type.Object(
        {
          reason: Type.Optional(
            Type.String({ description: 'The backends and groups that grant it, or the veto; for callers who may know' })
          ),
          error: Type.Optional(Type.Object({ status: Type.Integer(), message: Type.String() }))
        },
        { description: 'Why' }
      )
    )
  },
  {
    $id: 'AccessDecision',
    examples: [{ decision: true, context: { reason: 'corp: group cn=editors,ou=groups,dc=example,dc=com' } }]
  }
)
/** What fits the schema of the same name. */
export type AccessDecision = Static<typeof AccessDecision>

/** AuthZEN 7.2; a single decision where no evaluations were asked for. */
export const EvaluationsAnswer = Type.Object(
  {
    evaluations: Type.Optional(Type.Array(AccessDecision)),
    decision: Type.Optional(Type.Boolean()),
    context: Type.Optional(Type.Object({}, open))
  },
  { $id: 'EvaluationsAnswer', examples: [{ evaluations: [{ decision: true }, { decision: false }] }] }
)

const page = Type.Optional(
  Type.Object(
    {
      token: Type.Optional(Type.String({ maxLength: 4096, description: '`next_token` of the page before' })),
      limit: Type.Optional(Type.Integer({ minimum: 0, description: 'At most this many; 50 if absent, never over 100' }))
    },
    { ...open, description: 'AuthZEN 8.2' }
  )
)
const typeOnly = Type.Object({ type: word('The type of what is looked for'), properties: Properties }, open)

/** AuthZEN 8.4. */
export const SubjectSearch = Type.Object(
  { ...fields, subject: typeOnly, page },
  { $id: 'SubjectSearch', ...open, examples: [{ ...example, subject: { type: 'user' }, page: { limit: 20 } }] }
)
/** AuthZEN 8.5. */
export const ResourceSearch = Type.Object(
  { ...fields, resource: typeOnly, page },
  { $id: 'ResourceSearch', ...open, examples: [{ ...example, resource: { type: 'post' } }] }
)
/** AuthZEN 8.6. */
export const ActionSearch = Type.Object(
  { subject: AccessSubject, resource: AccessResource, context, page },
  { $id: 'ActionSearch', ...open, examples: [{ subject: example.subject, resource: example.resource }] }
)

const pageAnswer = Type.Object({
  next_token: Type.String({ description: 'Empty on the last page' }),
  count: Type.Integer({ description: 'How many results are in this answer' })
})

const found = (name: string, result: TSchema, examples: readonly unknown[]) =>
  Type.Object(
    { page: pageAnswer, results: Type.Array(result) },
    { $id: name, examples: [{ page: { next_token: '', count: examples.length }, results: examples }] }
  )

/** AuthZEN 8.3, with users, or with nobody in particular. */
export const SubjectsFound = found(
  'SubjectsFound',
  Type.Object({
    type: Type.String(),
    id: Type.String({ description: 'The UUID of a user, or `anonymous`' }),
    properties: Type.Optional(Type.Object({ email: Type.String() }, { description: 'Of a user' }))
  }),
  [{ type: 'user', id: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11', properties: { email: 'alice@example.com' } }]
)
/** AuthZEN 8.3, with objects. */
export const ResourcesFound = found('ResourcesFound', Type.Object({ type: Type.String(), id: Type.String() }), [
  { type: 'post', id: '1' }
])
/** AuthZEN 8.3, with permissions. */
export const ActionsFound = found('ActionsFound', Type.Object({ name: Type.String() }), [{ name: 'blog.change_post' }])

/** Everything of /access that the document names. */
export const accessSchemas = [
  ...[AccessSubject, AccessAction, AccessResource, EvaluationRequest, EvaluationsRequest, AccessDecision],
  ...[EvaluationsAnswer, SubjectSearch, ResourceSearch, ActionSearch, SubjectsFound, ResourcesFound, ActionsFound]
] as const
