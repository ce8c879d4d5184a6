-- What a fit determines. intervals is a JSON object of two-element arrays in which an open end is null; undetermined is
-- a JSON array of names; weight is the Akaike weight. A fit from an older Outcrop has none of them.
ALTER TABLE fits ADD COLUMN weight REAL;
ALTER TABLE fits ADD COLUMN peak_seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fits ADD COLUMN rise_time REAL;
ALTER TABLE fits ADD COLUMN steady REAL;
ALTER TABLE fits ADD COLUMN condition REAL;
ALTER TABLE fits ADD COLUMN intervals TEXT NOT NULL DEFAULT '{}';
ALTER TABLE fits ADD COLUMN undetermined TEXT NOT NULL DEFAULT '[]';
