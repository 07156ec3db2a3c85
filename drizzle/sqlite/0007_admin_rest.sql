DROP INDEX `latchkey_user_permissions_permission`;
--> statement-breakpoint
DROP INDEX `latchkey_user_groups_group`;
