-- Evaluations that cannot be read when they are folded: set aside, so that the others are counted.
CREATE TABLE evaluations_set_aside (
    evaluation_id BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- When the newest score of the series was planned. Cells that are built anew fill it in.
ALTER TABLE cell_series ADD COLUMN newest_planned_ms BIGINT NOT NULL DEFAULT 0;
