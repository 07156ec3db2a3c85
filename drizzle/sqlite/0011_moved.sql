CREATE TABLE `latchkey_moved` (
	`backend` text NOT NULL,
	`subject` text NOT NULL,
	`user_id` text NOT NULL,
	`moved_at` integer NOT NULL,
	PRIMARY KEY(`backend`, `subject`)
);

