import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/**
 * Drizzle, loaded as CommonJS: imported as ES modules, its package.json of 180 kB is parsed again for each of its files,
 * which takes 600 ms and 200 MB at start.
 */
export const orm: typeof import('drizzle-orm') = require('drizzle-orm')

/** One dialect's part of Drizzle, loaded when it is asked for. */
export const ormParts = {
  sqliteCore: (): typeof import('drizzle-orm/sqlite-core') => require('drizzle-orm/sqlite-core'),
  sqliteProxy: (): typeof import('drizzle-orm/sqlite-proxy') => require('drizzle-orm/sqlite-proxy'),
  mysqlCore: (): typeof import('drizzle-orm/mysql-core') => require('drizzle-orm/mysql-core'),
  mysqlProxy: (): typeof import('drizzle-orm/mysql-proxy') => require('drizzle-orm/mysql-proxy'),
  migrator: (): typeof import('drizzle-orm/migrator') => require('drizzle-orm/migrator')
}
