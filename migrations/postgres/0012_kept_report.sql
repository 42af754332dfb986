-- The report that pages show, as the worker with the duty made it last. What pages need of it differs from release to release:
-- each worker reads the one that its own release made.
CREATE TABLE kept_reports (
    made_with TEXT NOT NULL PRIMARY KEY,
    made_at_ms BIGINT NOT NULL,
    -- JSON.
    content TEXT NOT NULL
);
