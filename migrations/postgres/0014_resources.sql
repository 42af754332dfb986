-- Resources of spans and log records, each once a day under a key that its records hold. A record without a key carries its
-- resource in its body, as workers of earlier releases write and read it.
CREATE TABLE resources (
    key BYTEA NOT NULL PRIMARY KEY,
    -- Days since 1970 on which its records came.
    day BIGINT NOT NULL,
    -- OTLP protobuf: the field of a resource block that holds it.
    body BYTEA NOT NULL
);
ALTER TABLE spans ADD COLUMN resource BYTEA;
ALTER TABLE log_records ADD COLUMN resource BYTEA;
