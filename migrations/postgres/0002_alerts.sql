-- Work that one worker at a time does, and who does it: whoever holds the unexpired row.
CREATE TABLE leaders (
    duty TEXT PRIMARY KEY,
    worker TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);

-- Episodes of drift. A null segment means the whole; a null resolved_by, that the flag went by itself.
CREATE TABLE alerts (
    id UUID PRIMARY KEY,
    state TEXT NOT NULL,
    rubric TEXT NOT NULL,
    version BIGINT NOT NULL,
    judge TEXT NOT NULL,
    kind TEXT NOT NULL,
    segment TEXT,
    since_ms BIGINT NOT NULL,
    detected_at_ms BIGINT NOT NULL,
    labels_to_detection BIGINT NOT NULL,
    effect TEXT NOT NULL,
    evidence TEXT NOT NULL,
    attribution TEXT NOT NULL,
    advice TEXT NOT NULL,
    events BIGINT NOT NULL,
    told_at_ms BIGINT NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    absent_since_ms BIGINT,
    acknowledged_at_ms BIGINT,
    acknowledged_by TEXT,
    resolved_at_ms BIGINT,
    resolved_by TEXT
);
CREATE INDEX alerts_by_time ON alerts (first_seen_ms);

-- Messages owed to webhooks: written in the transaction that changes the alert, which each holds as it was then. The
-- messages about one alert go to a webhook in the order of their sequence.
CREATE TABLE alert_deliveries (
    id UUID PRIMARY KEY,
    alert_id UUID NOT NULL,
    webhook TEXT NOT NULL,
    event TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    alert TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    due_at_ms BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until_ms BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at_ms BIGINT NOT NULL,
    finished_at_ms BIGINT
);
CREATE INDEX alert_deliveries_owed ON alert_deliveries (webhook, due_at_ms) WHERE state = 'owed';
CREATE INDEX alert_deliveries_by_alert ON alert_deliveries (alert_id);

-- What calibration said of a rubric version and judge, as it was said: labels and scores change afterwards.
CREATE TABLE calibration_snapshots (
    taken_at_ms BIGINT NOT NULL,
    rubric TEXT NOT NULL,
    version BIGINT NOT NULL,
    judge TEXT NOT NULL,
    digest BYTEA NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (rubric, version, judge, taken_at_ms)
);
