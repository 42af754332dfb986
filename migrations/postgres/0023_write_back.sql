-- The resources of judged spans, each once: scores are written back under them, after the spans are gone too.
CREATE TABLE score_resources (
    key BYTEA NOT NULL PRIMARY KEY,
    -- OTLP protobuf: the field of a resource block that holds it.
    body BYTEA NOT NULL
);
-- Of the span that scores are attached to; null where a worker of an earlier version planned the subject.
ALTER TABLE subjects ADD COLUMN resource BYTEA;
ALTER TABLE subjects ADD COLUMN span_end_ns BIGINT;
-- Under whose resource a score is written: `judged` or `span`. It stays as it was when the score became owed.
ALTER TABLE deliveries ADD COLUMN form TEXT NOT NULL DEFAULT 'judged';
