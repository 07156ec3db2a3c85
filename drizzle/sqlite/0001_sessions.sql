CREATE TABLE `latchkey_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`backend` text NOT NULL,
	`subject` text NOT NULL,
	`client_id` text NOT NULL,
	`audience` text NOT NULL,
	`scope` text,
	`amr` text NOT NULL,
	`counter` integer NOT NULL,
	`rotated_at` integer NOT NULL,
	`authenticated_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`idle_expires_at` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON UPDATE no action ON DELETE cascade
);

--> statement-breakpoint
CREATE INDEX `latchkey_sessions_user` ON `latchkey_sessions` (`user_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_sessions_idle` ON `latchkey_sessions` (`idle_expires_at`);
--> statement-breakpoint
CREATE TABLE `latchkey_revoked_tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`expires_at` integer NOT NULL
);

--> statement-breakpoint
CREATE INDEX `latchkey_revoked_tokens_expiry` ON `latchkey_revoked_tokens` (`expires_at`);
--> statement-breakpoint
CREATE TABLE `latchkey_clients` (
	`id` text PRIMARY KEY NOT NULL,
	`definition` text NOT NULL,
	`secrets` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);

--> statement-breakpoint
CREATE TABLE `latchkey_used_assertions` (
	`id` text PRIMARY KEY NOT NULL,
	`expires_at` integer NOT NULL
);

--> statement-breakpoint
CREATE INDEX `latchkey_used_assertions_expiry` ON `latchkey_used_assertions` (`expires_at`);
--> statement-breakpoint
ALTER TABLE `latchkey_users` ADD `tokens_valid_from` integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
ALTER TABLE `latchkey_signing_keys` ADD `activated_at` integer;
--> statement-breakpoint
ALTER TABLE `latchkey_signing_keys` ADD `retired_at` integer;
