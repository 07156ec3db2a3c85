CREATE TABLE `latchkey_sessions` (
	`id` varbinary(36) NOT NULL,
	`user_id` varbinary(36) NOT NULL,
	`backend` varbinary(64) NOT NULL,
	`subject` varbinary(255) NOT NULL,
	`client_id` varbinary(128) NOT NULL,
	`audience` text character set utf8mb4 NOT NULL,
	`scope` text character set utf8mb4,
	`amr` mediumtext character set utf8mb4 NOT NULL,
	`counter` bigint NOT NULL,
	`rotated_at` bigint NOT NULL,
	`authenticated_at` bigint NOT NULL,
	`created_at` bigint NOT NULL,
	`expires_at` bigint NOT NULL,
	`idle_expires_at` bigint NOT NULL,
	CONSTRAINT `latchkey_sessions_id` PRIMARY KEY(`id`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_revoked_tokens` (
	`id` varbinary(64) NOT NULL,
	`expires_at` bigint NOT NULL,
	CONSTRAINT `latchkey_revoked_tokens_id` PRIMARY KEY(`id`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_clients` (
	`id` varbinary(128) NOT NULL,
	`definition` mediumtext character set utf8mb4 NOT NULL,
	`secrets` mediumtext character set utf8mb4 NOT NULL,
	`created_at` bigint NOT NULL,
	`updated_at` bigint NOT NULL,
	CONSTRAINT `latchkey_clients_id` PRIMARY KEY(`id`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_used_assertions` (
	`id` varbinary(64) NOT NULL,
	`expires_at` bigint NOT NULL,
	CONSTRAINT `latchkey_used_assertions_id` PRIMARY KEY(`id`)
);

--> statement-breakpoint
ALTER TABLE `latchkey_users` ADD `tokens_valid_from` bigint DEFAULT 0 NOT NULL;
--> statement-breakpoint
ALTER TABLE `latchkey_signing_keys` ADD `activated_at` bigint;
--> statement-breakpoint
ALTER TABLE `latchkey_signing_keys` ADD `retired_at` bigint;
--> statement-breakpoint
ALTER TABLE `latchkey_sessions` ADD CONSTRAINT `latchkey_sessions_user_fk` FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX `latchkey_sessions_user` ON `latchkey_sessions` (`user_id`);
--> statement-breakpoint
CREATE INDEX `latchkey_sessions_idle` ON `latchkey_sessions` (`idle_expires_at`);
--> statement-breakpoint
CREATE INDEX `latchkey_revoked_tokens_expiry` ON `latchkey_revoked_tokens` (`expires_at`);
--> statement-breakpoint
CREATE INDEX `latchkey_used_assertions_expiry` ON `latchkey_used_assertions` (`expires_at`);
