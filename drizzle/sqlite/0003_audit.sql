CREATE TABLE `latchkey_audit` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`kind` text NOT NULL,
	`outcome` text NOT NULL,
	`reason` text,
	`actor` text,
	`user_id` text,
	`username` text,
	`backend` text,
	`subject` text,
	`client_id` text,
	`ip` text,
	`audience` text,
	`session_id` text,
	`jti` text,
	`request_id` text,
	`action` text,
	`target` text,
	`details` text
);

--> statement-breakpoint
CREATE INDEX `latchkey_audit_user` ON `latchkey_audit` (`user_id`,`id`);
--> statement-breakpoint
CREATE INDEX `latchkey_audit_client` ON `latchkey_audit` (`client_id`,`id`);
--> statement-breakpoint
CREATE INDEX `latchkey_audit_kind` ON `latchkey_audit` (`kind`,`id`);
