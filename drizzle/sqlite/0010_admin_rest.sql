DROP INDEX `latchkey_users_active`;
--> statement-breakpoint
CREATE INDEX `latchkey_users_active_id` ON `latchkey_users` (`is_active`,`id`);
--> statement-breakpoint
DROP INDEX `latchkey_user_permissions_permission`;
--> statement-breakpoint
DROP INDEX `latchkey_user_groups_group`;
--> statement-breakpoint
CREATE INDEX `latchkey_identities_members` ON `latchkey_identities` (`backend`,`user_id`);
