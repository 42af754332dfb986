-- What weakened evaluations, counted when their subjects are planned: each revision of a subject once for each code. The
-- instrumentation is one of a short list and says what to set in the service.
CREATE TABLE problem_account (
    hour_ms BIGINT NOT NULL,
    worker TEXT NOT NULL,
    service TEXT NOT NULL,
    instrumentation TEXT NOT NULL,
    code TEXT NOT NULL,
    subjects BIGINT NOT NULL,
    PRIMARY KEY (hour_ms, worker, service, instrumentation, code)
);
