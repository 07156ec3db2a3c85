DROP INDEX `latchkey_user_permissions_permission` ON `latchkey_user_permissions`;
--> statement-breakpoint
DROP INDEX `latchkey_user_groups_group` ON `latchkey_user_groups`;
