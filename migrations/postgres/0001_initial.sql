-- Times are milliseconds since the Unix epoch unless a name says otherwise. Ids of OTLP are raw bytes.

-- Export requests already committed: a request whose bytes come again is a duplicate as a whole.
CREATE TABLE batches (
    digest BYTEA PRIMARY KEY,
    received_at_ms BIGINT NOT NULL
);
CREATE INDEX batches_by_age ON batches (received_at_ms);

-- The intake half of the ledger. One row an hour, worker and signal, so that workers do not wait for each other.
CREATE TABLE intake_account (
    hour_ms BIGINT NOT NULL,
    worker TEXT NOT NULL,
    signal TEXT NOT NULL,
    received BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    sampled_out BIGINT NOT NULL,
    duplicate BIGINT NOT NULL,
    own BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    PRIMARY KEY (hour_ms, worker, signal)
);

-- Kept traces. due_at_ms is when assembly looks at the trace; null when there is nothing new to look at.
CREATE TABLE traces (
    trace_id BYTEA PRIMARY KEY,
    u DOUBLE PRECISION NOT NULL,
    upstream_probability DOUBLE PRECISION NOT NULL,
    first_seen_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    root_seen BOOLEAN NOT NULL,
    arrivals BIGINT NOT NULL,
    assembled_at_ms BIGINT,
    due_at_ms BIGINT,
    lease_owner TEXT,
    lease_until_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX traces_due ON traces (due_at_ms) WHERE due_at_ms IS NOT NULL;

-- Conversations of kept traces, while some rubric judges sessions. due_at_ms is when the conversation counts as idle.
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    arrivals BIGINT NOT NULL,
    due_at_ms BIGINT,
    lease_owner TEXT,
    lease_until_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sessions_due ON sessions (due_at_ms) WHERE due_at_ms IS NOT NULL;

-- Redacted spans and log records of kept traces, as OTLP protobuf (one record in its resource block).
CREATE TABLE spans (
    trace_id BYTEA NOT NULL,
    span_id BYTEA NOT NULL,
    received_at_ms BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (trace_id, span_id)
);
CREATE TABLE log_records (
    trace_id BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    received_at_ms BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (trace_id, digest)
);

-- What rubrics judge, frozen as the judge will see it. Retention empties content and keeps the row.
CREATE TABLE subjects (
    id UUID PRIMARY KEY,
    kind TEXT NOT NULL,
    trace_id BYTEA NOT NULL,
    span_id BYTEA NOT NULL,
    session_id TEXT,
    revision BIGINT NOT NULL,
    digest BYTEA NOT NULL,
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
CREATE INDEX subjects_by_trace ON subjects (trace_id);
CREATE INDEX subjects_by_session ON subjects (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX subjects_by_time ON subjects (observed_at_ms);

-- Every decision about a (subject revision, rubric version, judge), including the decision not to judge.
CREATE TABLE evaluations (
    id UUID PRIMARY KEY,
    subject_id UUID NOT NULL,
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
    prompt_hash BYTEA,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cost_usd DOUBLE PRECISION,
    latency_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    finished_at_ms BIGINT
);
CREATE INDEX evaluations_pending ON evaluations (judge, due_at_ms) WHERE outcome = 'pending';
CREATE INDEX evaluations_by_subject ON evaluations (subject_id);
CREATE INDEX evaluations_by_time ON evaluations (created_at_ms);

-- The evaluation half of the ledger: subjects counted when they are planned, to be held against the rows above.
CREATE TABLE planning_account (
    hour_ms BIGINT NOT NULL,
    worker TEXT NOT NULL,
    rubric TEXT NOT NULL,
    version BIGINT NOT NULL,
    judge TEXT NOT NULL,
    subjects BIGINT NOT NULL,
    PRIMARY KEY (hour_ms, worker, rubric, version, judge)
);

-- Scores owed to sinks: written in the transaction that stores the score, kept after they were sent.
CREATE TABLE deliveries (
    evaluation_id UUID NOT NULL,
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
CREATE INDEX deliveries_owed ON deliveries (sink, due_at_ms) WHERE state = 'owed';

-- Human verdicts. A second verdict by the same annotator is a new row: re-labelling is data.
CREATE TABLE labels (
    subject_id UUID NOT NULL,
    rubric TEXT NOT NULL,
    annotator TEXT NOT NULL,
    labelled_at_ms BIGINT NOT NULL,
    score DOUBLE PRECISION,
    label TEXT,
    value DOUBLE PRECISION,
    rationale TEXT,
    stream TEXT NOT NULL,
    probability DOUBLE PRECISION,
    imported_at_ms BIGINT NOT NULL,
    PRIMARY KEY (subject_id, rubric, annotator, labelled_at_ms)
);
CREATE INDEX labels_by_rubric ON labels (rubric, labelled_at_ms);

-- The registry: published rubric versions, immutable, and the aliases that point at them.
CREATE TABLE rubric_versions (
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    hash TEXT NOT NULL,
    description TEXT NOT NULL,
    source TEXT NOT NULL,
    author TEXT,
    commit_id TEXT,
    published_at_ms BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE TABLE rubric_aliases (
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    moved_at_ms BIGINT NOT NULL,
    PRIMARY KEY (name, alias)
);
