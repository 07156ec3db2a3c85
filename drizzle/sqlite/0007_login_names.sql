CREATE TABLE `latchkey_login_names` (
	`name` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `latchkey_users`(`id`) ON UPDATE no action ON DELETE cascade
);

--> statement-breakpoint
CREATE INDEX `latchkey_login_names_user` ON `latchkey_login_names` (`user_id`);
