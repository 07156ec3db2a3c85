/** `node:http` as CommonJS has it: imported, its WebSocket would be looked at, and with it a whole HTTP client loaded, 3 MB. */
export const http: typeof import('node:http') = process.getBuiltinModule('node:http')
