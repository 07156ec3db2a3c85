CREATE TABLE `latchkey_users` (
	`id` text PRIMARY KEY NOT NULL,
	`email` text NOT NULL,
	`email_vouched` integer NOT NULL,
	`attributes` text NOT NULL,
	`own_attributes` text NOT NULL,
	`is_active` integer NOT NULL,
	`is_superuser` integer NOT NULL,
	`password_hash` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`last_login_at` integer
);

--> statement-breakpoint
CREATE UNIQUE INDEX `latchkey_users_email` ON `latchkey_users` (`email`);
--> statement-breakpoint
CREATE TABLE `latchkey_identities` (
	`backend` text NOT NULL,
	`subject` text NOT NULL,
	`user_id` text NOT NULL,
	`username` text NOT NULL,
	`attributes` text NOT NULL,
	`is_superuser` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	PRIMARY KEY(`backend`, `subject`),
	FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON UPDATE no action ON DELETE cascade
);

--> statement-breakpoint
CREATE INDEX `latchkey_identities_user` ON `latchkey_identities` (`user_id`);
--> statement-breakpoint
CREATE TABLE `latchkey_permissions` (
	`name` text PRIMARY KEY NOT NULL,
	`description` text NOT NULL,
	`declared` integer NOT NULL
);

--> statement-breakpoint
CREATE TABLE `latchkey_user_permissions` (
	`user_id` text NOT NULL,
	`permission` text NOT NULL,
	PRIMARY KEY(`user_id`, `permission`),
	FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`permission`) REFERENCES `latchkey_permissions`(`name`) ON UPDATE no action ON DELETE cascade
);

--> statement-breakpoint
CREATE INDEX `latchkey_user_permissions_permission` ON `latchkey_user_permissions` (`permission`);
--> statement-breakpoint
CREATE TABLE `latchkey_groups` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);

--> statement-breakpoint
CREATE UNIQUE INDEX `latchkey_groups_name` ON `latchkey_groups` (`name`);
--> statement-breakpoint
CREATE TABLE `latchkey_group_permissions` (
	`group_id` text NOT NULL,
	`permission` text NOT NULL,
	PRIMARY KEY(`group_id`, `permission`),
	FOREIGN KEY (`group_id`) REFERENCES `latchkey_groups`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`permission`) REFERENCES `latchkey_permissions`(`name`) ON UPDATE no action ON DELETE cascade
);

--> statement-breakpoint
CREATE INDEX `latchkey_group_permissions_permission` ON `latchkey_group_permissions` (`permission`);
--> statement-breakpoint
CREATE TABLE `latchkey_user_groups` (
	`user_id` text NOT NULL,
	`group_id` text NOT NULL,
	`origin` text NOT NULL,
	PRIMARY KEY(`user_id`, `group_id`, `origin`),
	FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`group_id`) REFERENCES `latchkey_groups`(`id`) ON UPDATE no action ON DELETE cascade
);

--> statement-breakpoint
CREATE INDEX `latchkey_user_groups_group` ON `latchkey_user_groups` (`group_id`);
--> statement-breakpoint
CREATE TABLE `latchkey_signing_keys` (
	`kid` text PRIMARY KEY NOT NULL,
	`algorithm` text NOT NULL,
	`generation` integer NOT NULL,
	`state` text NOT NULL,
	`public_jwk` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` integer NOT NULL
);

--> statement-breakpoint
CREATE UNIQUE INDEX `latchkey_signing_keys_generation` ON `latchkey_signing_keys` (`algorithm`,`generation`);
