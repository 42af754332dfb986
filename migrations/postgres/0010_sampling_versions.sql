-- The sampling configurations that workers went by, in the order in which they took them up: a trace is planned with the
-- rates in force when it was first seen, whatever the configuration says by then.
CREATE TABLE sampling_versions (
    id BIGINT NOT NULL PRIMARY KEY,
    -- Rate and rules as JSON.
    config TEXT NOT NULL,
    -- When the last of the running workers went over to it.
    began_ms BIGINT NOT NULL
);
-- Null where a worker of an earlier version saw the trace first.
ALTER TABLE traces ADD COLUMN sampling_version BIGINT;
