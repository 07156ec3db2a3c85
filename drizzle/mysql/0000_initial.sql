CREATE TABLE `latchkey_users` (
	`id` varbinary(36) NOT NULL,
	`email` varbinary(254) NOT NULL,
	`email_vouched` boolean NOT NULL,
	`attributes` mediumtext character set utf8mb4 NOT NULL,
	`own_attributes` mediumtext character set utf8mb4 NOT NULL,
	`is_active` boolean NOT NULL,
	`is_superuser` boolean NOT NULL,
	`password_hash` varbinary(512),
	`created_at` bigint NOT NULL,
	`updated_at` bigint NOT NULL,
	`last_login_at` bigint,
	CONSTRAINT `latchkey_users_id` PRIMARY KEY(`id`),
	CONSTRAINT `latchkey_users_email` UNIQUE(`email`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_identities` (
	`backend` varbinary(64) NOT NULL,
	`subject` varbinary(255) NOT NULL,
	`user_id` varbinary(36) NOT NULL,
	`username` text character set utf8mb4 NOT NULL,
	`attributes` mediumtext character set utf8mb4 NOT NULL,
	`is_superuser` boolean NOT NULL,
	`last_seen_at` bigint NOT NULL,
	CONSTRAINT `latchkey_identities_pk` PRIMARY KEY(`backend`,`subject`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_permissions` (
	`name` varbinary(255) NOT NULL,
	`description` text character set utf8mb4 NOT NULL,
	`declared` boolean NOT NULL,
	CONSTRAINT `latchkey_permissions_name` PRIMARY KEY(`name`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_user_permissions` (
	`user_id` varbinary(36) NOT NULL,
	`permission` varbinary(255) NOT NULL,
	CONSTRAINT `latchkey_user_permissions_pk` PRIMARY KEY(`user_id`,`permission`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_groups` (
	`id` varbinary(36) NOT NULL,
	`name` varbinary(255) NOT NULL,
	`created_at` bigint NOT NULL,
	`updated_at` bigint NOT NULL,
	CONSTRAINT `latchkey_groups_id` PRIMARY KEY(`id`),
	CONSTRAINT `latchkey_groups_name` UNIQUE(`name`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_group_permissions` (
	`group_id` varbinary(36) NOT NULL,
	`permission` varbinary(255) NOT NULL,
	CONSTRAINT `latchkey_group_permissions_pk` PRIMARY KEY(`group_id`,`permission`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_user_groups` (
	`user_id` varbinary(36) NOT NULL,
	`group_id` varbinary(36) NOT NULL,
	`origin` varbinary(64) NOT NULL,
	CONSTRAINT `latchkey_user_groups_pk` PRIMARY KEY(`user_id`,`group_id`,`origin`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_signing_keys` (
	`kid` varbinary(64) NOT NULL,
	`algorithm` varbinary(16) NOT NULL,
	`generation` bigint NOT NULL,
	`state` varbinary(16) NOT NULL,
	`public_jwk` text character set utf8mb4 NOT NULL,
	`sealed` text character set utf8mb4 NOT NULL,
	`created_at` bigint NOT NULL,
	CONSTRAINT `latchkey_signing_keys_kid` PRIMARY KEY(`kid`),
	CONSTRAINT `latchkey_signing_keys_generation` UNIQUE(`algorithm`,`generation`)
);

--> statement-breakpoint
ALTER TABLE `latchkey_identities` ADD CONSTRAINT `latchkey_identities_user_fk` FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_user_permissions` ADD CONSTRAINT `latchkey_user_permissions_user_fk` FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_user_permissions` ADD CONSTRAINT `latchkey_user_permissions_permission_fk` FOREIGN KEY (`permission`) REFERENCES `latchkey_permissions`(`name`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_group_permissions` ADD CONSTRAINT `latchkey_group_permissions_group_fk` FOREIGN KEY (`group_id`) REFERENCES `latchkey_groups`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_group_permissions` ADD CONSTRAINT `latchkey_group_permissions_permission_fk` FOREIGN KEY (`permission`) REFERENCES `latchkey_permissions`(`name`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_user_groups` ADD CONSTRAINT `latchkey_user_groups_user_fk` FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
ALTER TABLE `latchkey_user_groups` ADD CONSTRAINT `latchkey_user_groups_group_fk` FOREIGN KEY (`group_id`) REFERENCES `latchkey_groups`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX `latchkey_identities_user` ON `latchkey_identities` (`user_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_user_permissions_permission` ON `latchkey_user_permissions` (`permission`);
--> statement-breakpoint
CREATE INDEX `latchkey_group_permissions_permission` ON `latchkey_group_permissions` (`permission`);
--> statement-breakpoint
CREATE INDEX `latchkey_user_groups_group` ON `latchkey_user_groups` (`group_id`);
