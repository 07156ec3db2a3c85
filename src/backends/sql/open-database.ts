import type { ForeignDatabase, Place } from './database.ts'
import type { Flavour } from './statement.ts'

const flavours: Readonly<Record<string, Flavour>> = {
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'file:': 'sqlite'
}

/** Reads a database's URL; `undefined` where it is none. `?ssl=true` asks for TLS with a certificate that is verified. */
export function placeOf(url: string, password?: string): Place | undefined {
  const flavour = flavours[url.slice(0, url.indexOf(':') + 1)]
  if (flavour === undefined) return undefined
  if (flavour === 'sqlite') {
    const file = url.slice('file:'.length).replace(/^\/\/(?=\/)/, '')
    return file === '' || /[?#]/.test(file) ? undefined : { flavour, file }
  }
  try {
    const { hostname, port, username, password: inUrl, pathname, searchParams } = new URL(url)
    const database = decodeURIComponent(pathname.slice(1))
    if (hostname === '' || username === '' || database === '') return undefined
    return {
      flavour,
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (flavour === 'mysql' ? 3306 : 5432) : Number(port),
      user: decodeURIComponent(username),
      password: password ?? decodeURIComponent(inUrl),
      database,
      tls: searchParams.get('ssl') === 'true'
    }
  } catch {
    return undefined
  }
}

/** Opens a driver at the first question: its package is loaded no sooner. */
export async function openDatabase(place: Place): Promise<ForeignDatabase> {
  if (place.flavour === 'sqlite') return (await import('./drivers/sqlite.ts')).openSqlite(place.file)
  if (place.flavour === 'mysql') return (await import('./drivers/mysql.ts')).openMysql(place)
  return (await import('./drivers/postgres.ts')).openPostgres(place)
}
