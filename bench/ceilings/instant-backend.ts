import { defineBackend, Type } from 'latchkey'

/** A backend that accepts everybody at once: no hash and no directory hide what the chain before it costs. */
export default defineBackend({
  options: Type.Object({}),
  open: () => ({
    takes: ['password'],
    async authenticate(credentials) {
      if (credentials.kind !== 'password') return { outcome: 'unknown' }
      const { username } = credentials
      const identity = { subject: username, username, emails: [`${username}@example.com`], attributes: {} }
      return { outcome: 'accepted', identity }
    }
  })
})
