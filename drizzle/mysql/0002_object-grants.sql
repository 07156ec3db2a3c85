CREATE TABLE `latchkey_user_object_grants` (
	`user_id` varbinary(36) NOT NULL,
	`object_type` varbinary(128) NOT NULL,
	`object_id` varbinary(255) NOT NULL,
	`permission` varbinary(255) NOT NULL,
	CONSTRAINT `latchkey_user_object_grants_pk` PRIMARY KEY(`user_id`,`object_type`,`object_id`,`permission`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_group_object_grants` (
	`group_id` varbinary(36) NOT NULL,
	`object_type` varbinary(128) NOT NULL,
	`object_id` varbinary(255) NOT NULL,
	`permission` varbinary(255) NOT NULL,
	CONSTRAINT `latchkey_group_object_grants_pk` PRIMARY KEY(`group_id`,`object_type`,`object_id`,`permission`)
);

--> statement-breakpoint
ALTER TABLE `latchkey_user_object_grants` ADD CONSTRAINT `latchkey_user_object_grants_user_fk` FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_user_object_grants` ADD CONSTRAINT `latchkey_user_object_grants_permission_fk` FOREIGN KEY (`permission`) REFERENCES `latchkey_permissions`(`name`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_group_object_grants` ADD CONSTRAINT `latchkey_group_object_grants_group_fk` FOREIGN KEY (`group_id`) REFERENCES `latchkey_groups`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_group_object_grants` ADD CONSTRAINT `latchkey_group_object_grants_permission_fk` FOREIGN KEY (`permission`) REFERENCES `latchkey_permissions`(`name`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX `latchkey_user_object_grants_object` ON `latchkey_user_object_grants` (`object_type`,`object_id`,`permission`,`user_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_user_object_grants_permission` ON `latchkey_user_object_grants` (`permission`,`user_id`,`object_type`,`object_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_group_object_grants_object` ON `latchkey_group_object_grants` (`object_type`,`object_id`,`permission`,`group_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_group_object_grants_permission` ON `latchkey_group_object_grants` (`permission`,`group_id`,`object_type`,`object_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_users_superuser` ON `latchkey_users` (`is_superuser`,`id`);
--> statement-breakpoint
CREATE INDEX `latchkey_identities_superuser` ON `latchkey_identities` (`is_superuser`,`user_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_user_permissions_holders` ON `latchkey_user_permissions` (`permission`,`user_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_user_groups_members` ON `latchkey_user_groups` (`group_id`,`user_id`);
