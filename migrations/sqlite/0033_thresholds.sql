-- Thresholds of judges that give probabilities, as they were chosen on labels. A row is never changed: a new choice gets the next number.
CREATE TABLE judge_thresholds (
    rubric TEXT NOT NULL,
    version INTEGER NOT NULL,
    judge TEXT NOT NULL,
    -- The model whose probabilities it cuts, as it is recorded without a threshold.
    model TEXT NOT NULL,
    number INTEGER NOT NULL,
    value REAL NOT NULL,
    method TEXT NOT NULL,
    -- What was known of it when it was chosen, as JSON.
    evidence TEXT NOT NULL,
    chosen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (rubric, version, judge, model, number)
);
