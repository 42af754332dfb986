-- Traces that cannot be assembled. How often that came to nothing since it last succeeded, and once that was too often: why, and which
-- release said so. Such a trace is due no more.
ALTER TABLE traces ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE traces ADD COLUMN damaged TEXT;
ALTER TABLE traces ADD COLUMN damaged_by TEXT;
CREATE INDEX traces_damaged ON traces (first_seen_ms) WHERE damaged IS NOT NULL;
