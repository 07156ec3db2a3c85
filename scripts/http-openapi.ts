import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { AccountState, Identity, Permissions, Refusal } from '../src/backends/http/answers.ts'

/** A schema as OpenAPI has it, without our own words. */
const plain = (schema: object): object =>
  JSON.parse(JSON.stringify(schema, (name, value) => (name === 'expected' ? undefined : value)))

const content = (name: string, example: unknown) => ({
  'application/json': { schema: { $ref: `#/components/schemas/${name}` }, examples: { one: { value: example } } }
})
const questions = ['Authenticate', 'Identity', 'Permissions'].map((name) => `#/components/schemas/${name}Question`)
const byOperation = Object.fromEntries(
  ['authenticate', 'identity', 'permissions'].map((name, at) => [name, questions[at]])
)

const document = {
  openapi: '3.1.0',
  info: {
    title: 'A service that Latchkey asks',
    version: '1.0.0',
    description:
      "What a service answers that stands in the chain as a backend of type `http`. Every answer that is not listed, or has another shape, another type than application/json or more than 64 KiB, means that the service can't tell.",
    license: { name: 'MIT', identifier: 'MIT' }
  },
  servers: [{ url: 'https://accounts.internal', description: 'The `url` of the backend, with its path' }],
  security: [{ signature: [], timestamp: [] }, { certificate: [] }],
  paths: {
    '/latchkey': {
      post: {
        operationId: 'ask',
        summary: 'One question about an account',
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: {
                oneOf: questions.map(($ref) => ({ $ref })),
                discriminator: { propertyName: 'operation', mapping: byOperation }
              },
              examples: {
                authenticate: {
                  value: {
                    operation: 'authenticate',
                    username: 'alice',
                    password: 'wonderland',
                    client: 'blog',
                    ip: '192.0.2.7'
                  }
                },
                identity: { value: { operation: 'identity', subject: '1007' } },
                permissions: {
                  value: { operation: 'permissions', subject: '1007', object: { type: 'post', id: '42' } }
                }
              }
            }
          }
        },
        responses: {
          200: {
            description:
              'To `authenticate`: the password is right, and this is the account. To `identity`: this is the account. To `permissions`: these are its permissions',
            content: {
              'application/json': {
                schema: {
                  anyOf: [{ $ref: '#/components/schemas/Identity' }, { $ref: '#/components/schemas/Permissions' }]
                },
                examples: {
                  identity: {
                    value: {
                      subject: '1007',
                      username: 'alice',
                      email: 'alice@example.com',
                      firstName: 'Alice',
                      lastName: 'Example',
                      permissions: ['blog.add_post'],
                      groups: ['editors']
                    }
                  },
                  permissions: { value: { permissions: ['blog.add_post'], groups: ['editors'] } }
                }
              }
            }
          },
          400: { description: "The signature or the timestamp is not ours or not of now; the service can't tell" },
          401: {
            description: 'To `authenticate` only: the password is wrong. The body may be empty',
            content: content('Refusal', { subject: '1007' })
          },
          403: {
            description: 'The account may not log in here. The body may be empty',
            content: content('Refusal', { subject: '1007' })
          },
          404: { description: 'There is no such account. The body may be empty', content: content('Refusal', {}) },
          423: {
            description: 'The account is in a state in which nobody logs in. The body may be empty, which is `locked`',
            content: content('AccountState', { subject: '1008', state: 'disabled' })
          }
        }
      }
    }
  },
  components: {
    securitySchemes: {
      timestamp: {
        type: 'apiKey',
        in: 'header',
        name: 'Latchkey-Timestamp',
        description: 'Seconds since 1970; refuse what is more than five minutes off'
      },
      signature: {
        type: 'apiKey',
        in: 'header',
        name: 'Latchkey-Signature',
        description:
          '`v1=` and the HMAC-SHA-256 in hexadecimal under the shared secret, over the timestamp, a full stop and the body; compare in constant time'
      },
      certificate: { type: 'mutualTLS', description: 'The client certificate of `tls.cert`' }
    },
    schemas: {
      AuthenticateQuestion: {
        type: 'object',
        required: ['operation', 'username', 'password', 'client', 'ip'],
        properties: {
          operation: { const: 'authenticate' },
          username: {
            type: 'string',
            minLength: 1,
            maxLength: 320,
            description: 'As it was typed, without control characters.'
          },
          password: { type: 'string', minLength: 1, maxLength: 1024, description: 'Likewise.' },
          client: { type: 'string', description: 'The id of the client that calls Latchkey.' },
          ip: { type: 'string', description: "The end user's address; of IPv6 the /64." }
        }
      },
      IdentityQuestion: {
        type: 'object',
        required: ['operation', 'subject'],
        properties: {
          operation: { const: 'identity' },
          subject: { type: 'string', description: 'As an identity had it.' }
        }
      },
      PermissionsQuestion: {
        type: 'object',
        required: ['operation', 'subject'],
        properties: {
          operation: { const: 'permissions' },
          subject: { type: ['string', 'null'], description: 'Null: somebody who is not logged in.' },
          object: {
            type: 'object',
            required: ['type', 'id'],
            properties: { type: { type: 'string' }, id: { type: 'string' } },
            description: 'Present: what may be done to this object.'
          }
        }
      },
      Identity: plain(Identity),
      Permissions: plain(Permissions),
      Refusal: plain(Refusal),
      AccountState: plain(AccountState)
    }
  }
}

await writeFile(
  new URL('../docs/backends/http.openapi.yaml', import.meta.url),
  stringify(document, { lineWidth: 120, aliasDuplicateObjects: false })
)
