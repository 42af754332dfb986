-- The release of the application that gave the judged answer. Null where it is not told, and of subjects that workers of an
-- earlier version stored.
ALTER TABLE subjects ADD COLUMN service_version TEXT;
ALTER TABLE subjects ADD COLUMN prompt_version TEXT;

-- What was counted of the evaluation in the tables below, as JSON; null where nothing was. What an evaluation has become
-- since is found by the difference.
ALTER TABLE evaluations ADD COLUMN folded TEXT;

-- Evaluations that came to an outcome, or to another one, and are still to be folded: appended to in the transaction that
-- changes the evaluation, by triggers, so that workers of earlier versions append as well.
CREATE TABLE evaluation_changes (
    sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    evaluation_id UUID NOT NULL
);
CREATE FUNCTION note_decided_evaluations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO evaluation_changes (evaluation_id) SELECT id FROM decided WHERE outcome <> 'pending';
    RETURN NULL;
END $$;
CREATE TRIGGER evaluation_decided AFTER INSERT ON evaluations
REFERENCING NEW TABLE AS decided FOR EACH STATEMENT EXECUTE FUNCTION note_decided_evaluations();
CREATE FUNCTION note_changed_evaluation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO evaluation_changes (evaluation_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER evaluation_changed
AFTER UPDATE OF outcome, reason, score, label, value, inclusion_probability ON evaluations
FOR EACH ROW WHEN (NEW.outcome <> 'pending' OR OLD.outcome <> 'pending') EXECUTE FUNCTION note_changed_evaluation();

-- How far the cells are built: of evaluations in order of planning, newest first, those from the cursor on are folded.
CREATE TABLE cell_state (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    -- The number of the algorithm that built them; none has 0.
    algorithm BIGINT NOT NULL,
    -- How often they were begun anew.
    epoch BIGINT NOT NULL,
    cursor_ms BIGINT NOT NULL,
    cursor_id UUID NOT NULL,
    complete BOOLEAN NOT NULL
);
INSERT INTO cell_state (one, algorithm, epoch, cursor_ms, cursor_id, complete)
VALUES (1, 0, 0, 9223372036854775807, 'ffffffff-ffff-ffff-ffff-ffffffffffff', FALSE);

-- Segment values and releases that have cells of their own, in the order in which they came; what came after the bound is
-- pooled. Kept when cells are built anew, so that they come out the same.
CREATE TABLE cell_values (
    attribute TEXT NOT NULL,
    digest BYTEA NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (attribute, digest)
);

-- A part is a series, a release and a segment value. The digest is that of the key, which is JSON.
CREATE TABLE cell_series (
    id BIGINT NOT NULL PRIMARY KEY,
    digest BYTEA NOT NULL UNIQUE,
    key TEXT NOT NULL
);
CREATE TABLE cell_parts (
    id BIGINT NOT NULL PRIMARY KEY,
    series_id BIGINT NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    key TEXT NOT NULL,
    -- Whether it is all of a release, rather than one segment value of it.
    whole BOOLEAN NOT NULL
);

-- The sums of each part and hour (counted from the Unix epoch), and those of each part over all hours. As JSON, because
-- they need more than the 64 bits that an integer column has on both databases.
CREATE TABLE cells (
    part_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    sums TEXT NOT NULL,
    PRIMARY KEY (part_id, hour)
);
CREATE TABLE cell_totals (
    part_id BIGINT NOT NULL PRIMARY KEY,
    sums TEXT NOT NULL
);

-- The sums of a conversation's scores in an hour, by part, as JSON.
CREATE TABLE cell_conversations (
    conversation TEXT NOT NULL,
    hour BIGINT NOT NULL,
    sums TEXT NOT NULL,
    PRIMARY KEY (conversation, hour)
);

-- The ledger's evaluations by outcome, but for pending ones, in the hour in which they were planned.
CREATE TABLE evaluation_totals (
    rubric TEXT NOT NULL,
    version BIGINT NOT NULL,
    judge TEXT NOT NULL,
    hour_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (rubric, version, judge, hour_ms, outcome, reason)
);
