ALTER TABLE `latchkey_identities` ADD `remembered` text;
