-- Parts of "own": records under judged's name that name no evaluation, and records of other evaluators. A worker of an
-- earlier release does not count them.
ALTER TABLE intake_account ADD COLUMN own_unmarked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE intake_account ADD COLUMN other_evaluators BIGINT NOT NULL DEFAULT 0;
