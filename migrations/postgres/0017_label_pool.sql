-- Answers that people may be asked to label, made ready ahead: how many there were in each hour, and of them those that the
-- draw can still bring. Answers that were scored behind the position are not in it yet.
CREATE TABLE label_pool_hours (
    rubric TEXT NOT NULL,
    -- Whether only the offline baseline has scored them.
    by_baseline BOOLEAN NOT NULL,
    -- When they were scored first.
    hour_ms BIGINT NOT NULL,
    number BIGINT NOT NULL,
    -- The sum of how unsure the judge was.
    doubt DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (rubric, by_baseline, hour_ms)
);
CREATE TABLE label_pool (
    rubric TEXT NOT NULL,
    by_baseline BOOLEAN NOT NULL,
    subject_id UUID NOT NULL,
    hour_ms BIGINT NOT NULL,
    doubt DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (rubric, by_baseline, subject_id)
);
CREATE TABLE label_pool_position (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    -- The judges that counted as the baseline, as JSON.
    baselines TEXT NOT NULL,
    finished_at_ms BIGINT NOT NULL,
    id UUID NOT NULL
);
CREATE INDEX evaluations_scored ON evaluations (finished_at_ms) WHERE outcome = 'scored';
