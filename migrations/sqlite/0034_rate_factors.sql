-- By how much rates were lowered so that a judge's budget lasts, and when. The last row of a rubric and judge is in force until its end.
CREATE TABLE rate_factors (
    rubric TEXT NOT NULL,
    judge TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    factor DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (rubric, judge, since_ms)
) WITHOUT ROWID;
CREATE INDEX rate_factors_by_end ON rate_factors (until_ms);
