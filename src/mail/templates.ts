import { isUtf8 } from 'node:buffer'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mail } from '../auth/reset-mail.ts'

/** A mail in words. */
export interface WrittenMail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** Writes mails out of templates. */
export interface Templates {
  write(mail: Mail): WrittenMail
}

/** What a template may hold in braces. */
const names = ['name', 'email', 'service', 'link', 'token', 'minutes', 'places'] as const

type Values = Readonly<Record<(typeof names)[number], string>>

const html = (body: string): string =>
  `<!doctype html>\n<html>\n<body>\n${body
    .trim()
    .split('\n\n')
    .map((paragraph) => `<p>${paragraph}</p>`)
    .join('\n')}\n</body>\n</html>\n`

const builtIn: Readonly<Record<`${Mail['kind']}.${'txt' | 'html'}`, string>> = {
  'password-reset.txt': `Subject: A new password for {service}

Hello {name},

somebody asked for a new password for {email} at {service}. If that was you, choose one here:

{link}

The link works once, for {minutes} minutes. If it was not you, do nothing: your password stays as it is.
`,
  'password-reset.html': html(`
Hello {name},

somebody asked for a new password for {email} at {service}. If that was you, <a href="{link}">choose one here</a>.

The link works once, for {minutes} minutes. If it was not you, do nothing: your password stays as it is.`),
  'password-elsewhere.txt': `Subject: Your password for {service}

Hello {name},

somebody asked for a new password for {email} at {service}. Your password is not kept there. You get a new one here:

{places}

If it was not you who asked, do nothing: your password stays as it is.
`,
  'password-elsewhere.html': html(`
Hello {name},

somebody asked for a new password for {email} at {service}. Your password is not kept there. You get a new one here:

{places}

If it was not you who asked, do nothing: your password stays as it is.`)
}

const files = Object.keys(builtIn) as ReadonlyArray<keyof typeof builtIn>

/**
 * The built-in templates, or the files of the same names where a folder has them.
 * @param service what the service is called in a mail
 * @throws {Error} the folder or a file can't be read, or what a file holds is no template
 */
export async function openTemplates(
  service: string,
  folder: string | undefined,
  now: () => number
): Promise<Templates> {
  const all = { ...builtIn, ...(folder !== undefined && (await readFolder(folder))) }
  for (const file of files) refuseBroken(file, all[file])
  return {
    write(mail) {
      const values = valuesOf(mail, service, now())
      const { subject, body } = partsOf(all[`${mail.kind}.txt`])
      return {
        subject: oneLine(fill(subject, values)),
        text: fill(body, values),
        html: fill(all[`${mail.kind}.html`], mapped(values, escaped))
      }
    }
  }
}

async function readFolder(folder: string): Promise<Partial<typeof builtIn>> {
  const there = await readdir(folder).catch((error: Error) => refuse(folder, error.message))
  const read = files.filter((file) => there.includes(file)).map(async (file) => [file, await textOf(folder, file)])
  return Object.fromEntries(await Promise.all(read))
}

async function textOf(folder: string, file: string): Promise<string> {
  const bytes = await readFile(join(folder, file)).catch((error: Error) => refuse(file, error.message))
  return isUtf8(bytes) ? bytes.toString('utf8').replace(/^\ufeff/, '') : refuse(file, 'it is no UTF-8')
}

/** What would be sent as it stands, to people who can do nothing with it. */
function refuseBroken(file: string, template: string): void {
  if (template.trim() === '') refuse(file, 'it is empty')
  const used = Array.from(template.matchAll(/\{(\w+)\}/g), ([, name = '']) => name)
  const unknown = used.find((name) => !(names as readonly string[]).includes(name))
  if (unknown !== undefined) refuse(file, `{${unknown}} is none of ${names.join(', ')}`)
  if (file.endsWith('.txt') && !/^Subject: ./.test(template)) refuse(file, 'its first line is no Subject:')
  const isWay = used.includes('link') || used.includes('token')
  if (file.startsWith('password-reset.') && !isWay) refuse(file, 'it has neither {link} nor {token}')
}

function refuse(place: string, why: string): never {
  throw new Error(`${place}: ${why}`)
}

function partsOf(template: string): { subject: string; body: string } {
  const [first = '', ...rest] = template.split(/\r?\n/)
  return { subject: first.replace(/^Subject: /, ''), body: rest.join('\n').replace(/^\n+/, '') }
}

function valuesOf({ user, reset, places }: Mail, service: string, now: number): Values {
  return {
    service,
    name: oneLine(user.name) || user.email,
    email: user.email,
    link: reset?.link ?? '',
    token: reset?.token ?? '',
    minutes: reset ? String(Math.max(1, Math.round((reset.expiresAt - now) / 60_000))) : '',
    places: places.join('\n')
  }
}

const fill = (template: string, values: Values): string =>
  template.replace(/\{(\w+)\}/g, (_, name: keyof Values) => values[name])

const mapped = (values: Values, change: (text: string) => string): Values =>
  Object.fromEntries(Object.entries(values).map(([name, text]) => [name, change(text)])) as Values

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;'
}

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => entities[character] ?? '').replaceAll('\n', '<br>')

/** Nobody's name ends a header's line or turns its direction. */
const oneLine = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, 200)
