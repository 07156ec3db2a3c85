import { OwnPassword } from './account.ts'
import { AuditRecord } from './admin/audit.ts'
import { Backend } from './admin/backends.ts'
import { Client, ClientChange, ClientSecret, NewClient, SecretRotation } from './admin/clients.ts'
import { Group, GroupChange, Member, NewGroup } from './admin/groups.ts'
import { KeyRotation, RotatedKeys, SigningKey } from './admin/keys.ts'
import { NewPermission, ObjectGrant, Permission, PermissionChange } from './admin/permissions.ts'
import { Session } from './admin/sessions.ts'
import { AccountChange, NewIdentity, NewPassword, NewUser, User, UserChange, UserPermissions } from './admin/users.ts'
import { Webhook, WebhookDelivery } from './admin/webhooks.ts'
import { Problem } from './problems.ts'

/** What the routes of administration and of self-service refer to by name. */
export const administrative = [
  Problem,
  OwnPassword,
  ...[User, NewUser, UserChange, AccountChange, NewPassword, NewIdentity, UserPermissions],
  ...[Group, NewGroup, GroupChange, Member],
  ...[Permission, NewPermission, PermissionChange, ObjectGrant],
  ...[Client, ClientSecret, NewClient, ClientChange, SecretRotation],
  ...[Session, SigningKey, KeyRotation, RotatedKeys, Backend, AuditRecord],
  Webhook,
  WebhookDelivery
] as const
