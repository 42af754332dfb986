-- Workers of earlier releases mark traces as emptied and leave rationales: what was emptied with them is told by a column of its own.
ALTER TABLE traces ADD COLUMN rationales_emptied_before_ms BIGINT;
CREATE INDEX traces_with_rationales ON traces (last_seen_ms)
    WHERE due_at_ms IS NULL AND (rationales_emptied_before_ms IS NULL OR rationales_emptied_before_ms <= last_seen_ms);
-- Labels of a backend may name a span alone.
CREATE INDEX subjects_by_span ON subjects (span_id);
