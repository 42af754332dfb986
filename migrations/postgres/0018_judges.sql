-- What judges used up, by UTC day (days since the Unix epoch): what budgets are counted against, by all workers together.
CREATE TABLE judge_spending (
    judge TEXT NOT NULL,
    rubric TEXT NOT NULL,
    day BIGINT NOT NULL,
    -- Billionths of a US dollar.
    nano_usd BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (judge, day, rubric)
);
-- What a worker has set aside of a budget for calls that it is about to make. What a worker leaves behind that died counts as
-- used up until the day is over: its last calls may have been charged.
CREATE TABLE judge_allotments (
    judge TEXT NOT NULL,
    day BIGINT NOT NULL,
    worker TEXT NOT NULL,
    nano_usd BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (judge, day, worker)
);
-- The row that a worker holds while it changes the two tables above.
CREATE TABLE judge_accounts (
    judge TEXT NOT NULL PRIMARY KEY,
    changed_ms BIGINT NOT NULL
);
-- How each worker finds each of its judges at present.
CREATE TABLE judge_states (
    judge TEXT NOT NULL,
    worker TEXT NOT NULL,
    -- JSON; see model::JudgeState.
    state TEXT NOT NULL,
    seen_ms BIGINT NOT NULL,
    PRIMARY KEY (judge, worker)
);
