CREATE TABLE `latchkey_webhook_deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`endpoint` text NOT NULL,
	`message` text NOT NULL,
	`type` text NOT NULL,
	`payload` text NOT NULL,
	`state` text NOT NULL,
	`attempts` integer NOT NULL,
	`due_at` integer NOT NULL,
	`claim` text,
	`last_status` integer,
	`last_error` text,
	`created_at` integer NOT NULL,
	`last_attempt_at` integer
);

--> statement-breakpoint
CREATE INDEX `latchkey_webhook_deliveries_due` ON `latchkey_webhook_deliveries` (`endpoint`,`state`,`due_at`);
--> statement-breakpoint
CREATE INDEX `latchkey_webhook_deliveries_state` ON `latchkey_webhook_deliveries` (`state`,`id`);
--> statement-breakpoint
CREATE TABLE `latchkey_disabled_webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`url` text NOT NULL,
	`at` integer NOT NULL
);

