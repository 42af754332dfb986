-- The highest rate that any rubric gave the trace when it was assembled: whoever draws from stored traces later draws
-- below it. Null in traces that an earlier release assembled.
ALTER TABLE traces ADD COLUMN rate DOUBLE PRECISION;

-- Retention has deleted the content of everything the trace held before this time. A trace that was seen again since
-- holds content again, also when a worker of an earlier release stored it.
ALTER TABLE traces ADD COLUMN emptied_before_ms BIGINT;
CREATE INDEX traces_with_content ON traces (last_seen_ms)
    WHERE due_at_ms IS NULL AND (emptied_before_ms IS NULL OR emptied_before_ms <= last_seen_ms);
