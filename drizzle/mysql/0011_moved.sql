CREATE TABLE `latchkey_moved` (
	`backend` varbinary(64) NOT NULL,
	`subject` varbinary(255) NOT NULL,
	`user_id` varbinary(36) NOT NULL,
	`moved_at` bigint NOT NULL,
	CONSTRAINT `latchkey_moved_pk` PRIMARY KEY(`backend`,`subject`)
);

