-- How far each stream of the broker was read, and by which worker: one at a time.
CREATE TABLE streams (
    queue TEXT PRIMARY KEY,
    -- Where reading began; another beginning reads anew from there.
    began_at TEXT NOT NULL,
    -- When it began: what "next" and "24h" mean from then on.
    began_ms BIGINT NOT NULL,
    -- The next message to read; null until the first was read.
    next_offset BIGINT,
    worker TEXT NOT NULL,
    until_ms BIGINT NOT NULL
);
