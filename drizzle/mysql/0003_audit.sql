CREATE TABLE `latchkey_audit` (
	`id` varbinary(36) NOT NULL,
	`at` bigint NOT NULL,
	`kind` varbinary(32) NOT NULL,
	`outcome` varbinary(16) NOT NULL,
	`reason` varbinary(64),
	`actor` varbinary(64),
	`user_id` varbinary(36),
	`username` text character set utf8mb4,
	`backend` varbinary(64),
	`subject` varbinary(255),
	`client_id` varbinary(128),
	`ip` varbinary(64),
	`audience` text character set utf8mb4,
	`session_id` varbinary(36),
	`jti` varbinary(64),
	`request_id` varbinary(64),
	`action` varbinary(64),
	`target` varbinary(255),
	`details` mediumtext character set utf8mb4,
	CONSTRAINT `latchkey_audit_id` PRIMARY KEY(`id`)
);

--> statement-breakpoint
CREATE INDEX `latchkey_audit_user` ON `latchkey_audit` (`user_id`,`id`);
--> statement-breakpoint
CREATE INDEX `latchkey_audit_client` ON `latchkey_audit` (`client_id`,`id`);
--> statement-breakpoint
CREATE INDEX `latchkey_audit_kind` ON `latchkey_audit` (`kind`,`id`);
