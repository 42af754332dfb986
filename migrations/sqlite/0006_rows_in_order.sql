-- Rows in the order in which they came, instead of that of their random keys. What a worker leases, finishes and delivers
-- together then stands together, and a transaction writes a few pages where it wrote one for each row. What was there before
-- is copied as it stands: sorting it would take memory for all of it at once.

CREATE TABLE traces_in_order (
    trace_id BLOB NOT NULL PRIMARY KEY,
    u DOUBLE PRECISION NOT NULL,
    upstream_probability DOUBLE PRECISION NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    root_seen BOOLEAN NOT NULL,
    arrivals BIGINT NOT NULL,
    assembled_at_ms BIGINT,
    due_at_ms BIGINT,
    lease_owner TEXT,
    lease_until_ms BIGINT NOT NULL DEFAULT 0,
    rate DOUBLE PRECISION,
    emptied_before_ms BIGINT
);
INSERT INTO traces_in_order (
    trace_id, u, upstream_probability, first_seen_ms, last_seen_ms, root_seen, arrivals, assembled_at_ms, due_at_ms,
    lease_owner, lease_until_ms, rate, emptied_before_ms
) SELECT
    trace_id, u, upstream_probability, first_seen_ms, last_seen_ms, root_seen, arrivals, assembled_at_ms, due_at_ms,
    lease_owner, lease_until_ms, rate, emptied_before_ms
FROM traces;
DROP TABLE traces;
ALTER TABLE traces_in_order RENAME TO traces;
CREATE INDEX traces_due ON traces (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX traces_with_content ON traces (last_seen_ms)
    WHERE due_at_ms IS NULL AND (emptied_before_ms IS NULL OR emptied_before_ms <= last_seen_ms);

CREATE TABLE spans_in_order (
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    received_at_ms BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (trace_id, span_id)
);
INSERT INTO spans_in_order (
    trace_id, span_id, received_at_ms, body
) SELECT
    trace_id, span_id, received_at_ms, body
FROM spans;
DROP TABLE spans;
ALTER TABLE spans_in_order RENAME TO spans;

CREATE TABLE log_records_in_order (
    trace_id BLOB NOT NULL,
    digest BLOB NOT NULL,
    received_at_ms BIGINT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (trace_id, digest)
);
INSERT INTO log_records_in_order (
    trace_id, digest, received_at_ms, body
) SELECT
    trace_id, digest, received_at_ms, body
FROM log_records;
DROP TABLE log_records;
ALTER TABLE log_records_in_order RENAME TO log_records;

CREATE TABLE subjects_in_order (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    session_id TEXT,
    revision BIGINT NOT NULL,
    digest BLOB NOT NULL,
    observed_at_ms BIGINT NOT NULL,
    response_id TEXT,
    model TEXT,
    operation TEXT,
    unjudgeable TEXT,
    document_count BIGINT NOT NULL,
    segments TEXT NOT NULL,
    content TEXT,
    problems TEXT,
    created_at_ms BIGINT NOT NULL
);
INSERT INTO subjects_in_order (
    id, kind, trace_id, span_id, session_id, revision, digest, observed_at_ms, response_id, model, operation,
    unjudgeable, document_count, segments, content, problems, created_at_ms
) SELECT
    id, kind, trace_id, span_id, session_id, revision, digest, observed_at_ms, response_id, model, operation,
    unjudgeable, document_count, segments, content, problems, created_at_ms
FROM subjects;
DROP TABLE subjects;
ALTER TABLE subjects_in_order RENAME TO subjects;
CREATE INDEX subjects_by_trace ON subjects (trace_id);
CREATE INDEX subjects_by_session ON subjects (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX subjects_by_time ON subjects (observed_at_ms);

CREATE TABLE evaluations_in_order (
    id BLOB NOT NULL PRIMARY KEY,
    subject_id BLOB NOT NULL,
    revision BIGINT NOT NULL,
    rubric TEXT NOT NULL,
    version BIGINT NOT NULL,
    judge TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    inclusion_probability DOUBLE PRECISION NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    due_at_ms BIGINT NOT NULL,
    deadline_ms BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until_ms BIGINT NOT NULL DEFAULT 0,
    score DOUBLE PRECISION,
    label TEXT,
    value DOUBLE PRECISION,
    rationale TEXT,
    judge_model TEXT,
    prompt_hash BLOB,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cost_usd DOUBLE PRECISION,
    latency_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    finished_at_ms BIGINT,
    anchor_round TEXT
);
INSERT INTO evaluations_in_order (
    id, subject_id, revision, rubric, version, judge, outcome, reason, inclusion_probability, attempts, due_at_ms,
    deadline_ms, lease_owner, lease_until_ms, score, label, value, rationale, judge_model, prompt_hash, input_tokens,
    output_tokens, cost_usd, latency_ms, created_at_ms, finished_at_ms, anchor_round
) SELECT
    id, subject_id, revision, rubric, version, judge, outcome, reason, inclusion_probability, attempts, due_at_ms,
    deadline_ms, lease_owner, lease_until_ms, score, label, value, rationale, judge_model, prompt_hash, input_tokens,
    output_tokens, cost_usd, latency_ms, created_at_ms, finished_at_ms, anchor_round
FROM evaluations;
DROP TABLE evaluations;
ALTER TABLE evaluations_in_order RENAME TO evaluations;
CREATE INDEX evaluations_pending ON evaluations (judge, due_at_ms) WHERE outcome = 'pending';
CREATE INDEX evaluations_by_subject ON evaluations (subject_id);
CREATE INDEX evaluations_by_time ON evaluations (created_at_ms);
CREATE INDEX evaluations_of_anchors ON evaluations (rubric, subject_id) WHERE anchor_round IS NOT NULL;

CREATE TABLE deliveries_in_order (
    evaluation_id BLOB NOT NULL,
    sink TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    due_at_ms BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until_ms BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at_ms BIGINT NOT NULL,
    finished_at_ms BIGINT,
    PRIMARY KEY (evaluation_id, sink)
);
INSERT INTO deliveries_in_order (
    evaluation_id, sink, state, attempts, due_at_ms, lease_owner, lease_until_ms, last_error, created_at_ms,
    finished_at_ms
) SELECT
    evaluation_id, sink, state, attempts, due_at_ms, lease_owner, lease_until_ms, last_error, created_at_ms,
    finished_at_ms
FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_in_order RENAME TO deliveries;
CREATE INDEX deliveries_owed ON deliveries (sink, due_at_ms) WHERE state = 'owed';
