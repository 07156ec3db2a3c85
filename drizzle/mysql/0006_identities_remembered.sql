ALTER TABLE `latchkey_identities` ADD `remembered` text character set utf8mb4;
