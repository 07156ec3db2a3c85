import type { Command } from 'commander'
import { collect } from './administration.ts'
import type { DjangoOptions } from './import-django.ts'

const columns = [
  ['--id-column', 'the primary key'],
  ['--username-column', 'the login name'],
  ['--email-column', 'the e-mail'],
  ['--password-column', 'the password hash'],
  ['--first-name-column', 'the first name'],
  ['--last-name-column', 'the last name'],
  ['--is-active-column', 'whether an account may log in'],
  ['--is-superuser-column', 'whether it may do everything'],
  ['--is-staff-column', 'whether it is staff'],
  ['--joined-column', 'when it was made'],
  ['--last-login-column', 'its last login']
] as const

/** `latchkey import …`: everybody from another program. */
export function addImport(program: Command): void {
  const django = program
    .command('import')
    .description('move in from another program')
    .command('django <database>')
    .description("a Django project's users, groups and permissions: mysql://…, postgresql://… or file:db.sqlite3")
    .option('--password-stdin', "read the database's password from standard input")
    .option('--user-table <name>', 'the table of users', 'auth_user')
    .option('--groups-table <name>', 'who is in which group (default: the table of users with _groups)')
    .option('--permissions-table <name>', 'own permissions (default: the table of users with _user_permissions)')
  for (const [flag, meaning] of columns)
    django.option(`${flag} <name>`, `${meaning}, where it is not called as in Django`)
  django
    .option('--attribute <field=column>', 'a field from a column (again and again)', collect, [])
    .option('--staff-permission <name>', 'what is_staff becomes (default: nothing)')
    .option('--emails-verified', 'the project made sure of the addresses: vouch for them')
    .option('--id <name>', 'what the accounts are remembered by; another one for another project', 'django')
    .option('--dry-run', 'tell what would be done, and do nothing')
    .option('--json', 'print JSON lines')
    .action(async (database: string, options: DjangoOptions, command: Command) =>
      (await import('./import-django.ts')).importDjango(database, options, command)
    )
}
