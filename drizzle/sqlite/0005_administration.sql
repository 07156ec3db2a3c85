CREATE TABLE `latchkey_locks` (
	`name` text PRIMARY KEY NOT NULL
);

--> statement-breakpoint
ALTER TABLE `latchkey_users` ADD `version` integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
CREATE INDEX `latchkey_users_created` ON `latchkey_users` (`created_at`,`id`);
--> statement-breakpoint
CREATE INDEX `latchkey_users_last_login` ON `latchkey_users` (`last_login_at`,`id`);
--> statement-breakpoint
CREATE INDEX `latchkey_users_active` ON `latchkey_users` (`is_active`,`email`);
--> statement-breakpoint
ALTER TABLE `latchkey_permissions` ADD `origin` text DEFAULT 'configuration' NOT NULL;
--> statement-breakpoint
ALTER TABLE `latchkey_groups` ADD `version` integer DEFAULT 0 NOT NULL;
