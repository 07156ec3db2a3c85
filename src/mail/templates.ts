import { readFile } from 'node:fs/promises'
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
 * @throws {Error} a file can't be read, or holds something in braces that nothing stands for
 */
export async function openTemplates(
  service: string,
  folder: string | undefined,
  now: () => number
): Promise<Templates> {
  const all = { ...builtIn }
  for (const file of files) all[file] = (folder && (await readIfThere(join(folder, file)))) || builtIn[file]
  for (const file of files) refuseUnknown(file, all[file])
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

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function refuseUnknown(file: string, template: string): void {
  const used = Array.from(template.matchAll(/\{(\w+)\}/g), ([, name = '']) => name)
  const unknown = used.find((name) => !(names as readonly string[]).includes(name))
  if (unknown !== undefined) throw new Error(`${file}: {${unknown}} is none of ${names.join(', ')}`)
  if (file.endsWith('.txt') && !/^Subject: ./.test(template)) throw new Error(`${file}: its first line is no Subject:`)
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
