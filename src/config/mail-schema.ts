import Type from '../schema/type.ts'
import { text } from './names.ts'
import { duration } from './units.ts'

const Webhook = Type.Object(
  {
    url: text({ description: 'Where each mail is posted to, in place of a mail server.' }),
    secret: text({
      description:
        'What the requests are signed with (Standard Webhooks): whsec_ and base64, or 24 bytes and more as they are.'
    })
  },
  { additionalProperties: false }
)

/** How mails are sent. */
export const Mail = Type.Optional(
  Type.Object(
    {
      url: Type.Optional(text({ description: 'smtp://[USER@]HOST[:PORT] or smtps://…: the mail server.' })),
      password: Type.Optional(text({ description: 'Of the user in the URL.' })),
      from: Type.Optional(text({ description: 'Who the mails are from: Example <no-reply@example.com>.' })),
      insecure: Type.Boolean({ default: false, description: 'Allows mails, and the password, in clear off loopback.' }),
      tls: Type.Optional(
        Type.Object(
          {
            ca: Type.Optional(text({ description: "A PEM file with the mail server's authority." })),
            serverName: Type.Optional(text({ description: "The name in the mail server's certificate." }))
          },
          { additionalProperties: false }
        )
      ),
      timeout: duration({ default: '10s', description: 'How long each step with the server may take.' }),
      templates: Type.Optional(text({ description: 'A folder with templates in place of the built-in ones.' })),
      webhook: Type.Optional(Webhook)
    },
    { additionalProperties: false, description: 'How mails are sent. Absent: none are.' }
  )
)
