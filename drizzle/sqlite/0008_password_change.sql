ALTER TABLE `latchkey_users` ADD `spared_session` text;
