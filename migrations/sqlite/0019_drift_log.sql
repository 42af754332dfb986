-- Labels count in the order in which judged first saw them: imported_at_ms, labelled_at_ms, then the line in what brought
-- them. Null where a worker of an earlier version stored the label.
ALTER TABLE labels ADD COLUMN line BIGINT;
CREATE INDEX labels_by_arrival ON labels (imported_at_ms);

-- What the watch on drift has seen, in the order in which it did. Rows are added and never changed: labels with the score they
-- were held against then, and verdicts on anchors.
CREATE TABLE drift_log (
    rubric TEXT NOT NULL,
    judge TEXT NOT NULL,
    position BIGINT NOT NULL,
    -- `label` or `verdict`
    kind TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    -- The score that stood then.
    evaluation_id BLOB NOT NULL,
    -- Of a label.
    annotator TEXT,
    labelled_at_ms BIGINT,
    -- What was seen, as JSON.
    entry TEXT NOT NULL,
    PRIMARY KEY (rubric, judge, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX drift_log_of_labels ON drift_log (rubric, judge, subject_id, annotator, labelled_at_ms)
    WHERE kind = 'label';
CREATE UNIQUE INDEX drift_log_of_verdicts ON drift_log (rubric, judge, evaluation_id) WHERE kind = 'verdict';

-- What the watch said of the log up to a position.
CREATE TABLE drift_watches (
    rubric TEXT NOT NULL,
    judge TEXT NOT NULL,
    -- The number of the algorithm that said it.
    algorithm BIGINT NOT NULL,
    position BIGINT NOT NULL,
    -- What tells the scale by which verdicts were placed.
    scale TEXT NOT NULL,
    -- What it said, as JSON.
    said TEXT NOT NULL,
    PRIMARY KEY (rubric, judge)
) WITHOUT ROWID;
