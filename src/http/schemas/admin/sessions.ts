import Type from '../../../schema/type.ts'
import { TextOrNull, Time } from './words.ts'

/** A login that can be refreshed. */
export const Session = Type.Object(
  {
    id: Type.String(),
    user: Type.String({ description: "The user's id" }),
    backend: Type.String({ description: 'The backend that authenticated' }),
    subject: Type.String({ description: "That backend's id for the account" }),
    client: Type.String(),
    audience: Type.String(),
    scope: TextOrNull,
    authenticatedAt: Time,
    refreshedAt: Time,
    expiresAt: Type.String({ format: 'date-time', description: 'Where nobody refreshes it before' })
  },
  {
    $id: 'Session',
    examples: [
      {
        id: '019a9c5e-7d1c-7c3a-9a51-5f6f4f1f0b11',
        user: '019a9c5e-6f00-7d11-8f0a-2b6f1d0c9a77',
        backend: 'corp',
        subject: '3d0e4f0a-6c1b-4c7e-9a3f-0c9b7c1d2e3f',
        client: 'blog',
        audience: 'https://blog.example.com',
        scope: null,
        authenticatedAt: '2026-11-22T06:00:00.000Z',
        refreshedAt: '2026-11-22T06:40:00.000Z',
        expiresAt: '2026-11-29T06:40:00.000Z'
      }
    ]
  }
)
