DROP INDEX `latchkey_users_active` ON `latchkey_users`;
--> statement-breakpoint
DROP INDEX `latchkey_user_permissions_permission` ON `latchkey_user_permissions`;
--> statement-breakpoint
DROP INDEX `latchkey_user_groups_group` ON `latchkey_user_groups`;
--> statement-breakpoint
CREATE INDEX `latchkey_users_active_id` ON `latchkey_users` (`is_active`,`id`);
--> statement-breakpoint
CREATE INDEX `latchkey_identities_members` ON `latchkey_identities` (`backend`,`user_id`);
