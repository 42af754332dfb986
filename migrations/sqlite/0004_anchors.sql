-- The fixed set that a judge is held against: labelled subjects that are judged again, in rounds.
CREATE TABLE anchors (
    rubric TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    added_at_ms BIGINT NOT NULL,
    PRIMARY KEY (rubric, subject_id)
) WITHOUT ROWID;

-- The round in which an evaluation judges an anchor again; null for every other evaluation.
ALTER TABLE evaluations ADD COLUMN anchor_round TEXT;
CREATE INDEX evaluations_of_anchors ON evaluations (rubric, subject_id) WHERE anchor_round IS NOT NULL;
