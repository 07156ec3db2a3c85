ALTER TABLE `latchkey_users` ADD `spared_session` varbinary(36);
