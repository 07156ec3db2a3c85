CREATE TABLE `latchkey_login_names` (
	`name` varbinary(1020) NOT NULL,
	`user_id` varbinary(36) NOT NULL,
	CONSTRAINT `latchkey_login_names_name` PRIMARY KEY(`name`)
);

--> statement-breakpoint
ALTER TABLE `latchkey_login_names` ADD CONSTRAINT `latchkey_login_names_user_fk` FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
CREATE INDEX `latchkey_login_names_user` ON `latchkey_login_names` (`user_id`);
