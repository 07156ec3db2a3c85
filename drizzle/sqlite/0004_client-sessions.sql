CREATE INDEX `latchkey_sessions_client` ON `latchkey_sessions` (`client_id`,`id`);
