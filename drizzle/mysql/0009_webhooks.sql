CREATE TABLE `latchkey_webhook_deliveries` (
	`id` varbinary(36) NOT NULL,
	`endpoint` varbinary(64) NOT NULL,
	`message` varbinary(64) NOT NULL,
	`type` varbinary(32) NOT NULL,
	`payload` text character set utf8mb4 NOT NULL,
	`state` varbinary(16) NOT NULL,
	`attempts` bigint NOT NULL,
	`due_at` bigint NOT NULL,
	`claim` varbinary(36),
	`last_status` bigint,
	`last_error` varbinary(64),
	`created_at` bigint NOT NULL,
	`last_attempt_at` bigint,
	CONSTRAINT `latchkey_webhook_deliveries_id` PRIMARY KEY(`id`)
);

--> statement-breakpoint
CREATE TABLE `latchkey_disabled_webhooks` (
	`id` varbinary(64) NOT NULL,
	`url` varbinary(64) NOT NULL,
	`at` bigint NOT NULL,
	CONSTRAINT `latchkey_disabled_webhooks_id` PRIMARY KEY(`id`)
);

--> statement-breakpoint
CREATE INDEX `latchkey_webhook_deliveries_due` ON `latchkey_webhook_deliveries` (`endpoint`,`state`,`due_at`);
--> statement-breakpoint
CREATE INDEX `latchkey_webhook_deliveries_state` ON `latchkey_webhook_deliveries` (`state`,`id`);
