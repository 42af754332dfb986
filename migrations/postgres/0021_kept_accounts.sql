-- The ledger's traces, by the hour in which they were first seen, and its deliveries, by the hour in which they were made. Kept by
-- triggers in the transaction that makes a change, so that workers of earlier versions keep them as well.
CREATE TABLE trace_totals (
    hour_ms BIGINT NOT NULL PRIMARY KEY,
    kept BIGINT NOT NULL,
    assembled BIGINT NOT NULL
);
CREATE TABLE delivery_totals (
    sink TEXT NOT NULL,
    hour_ms BIGINT NOT NULL,
    made BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    given_up BIGINT NOT NULL,
    superseded BIGINT NOT NULL,
    PRIMARY KEY (sink, hour_ms)
);

-- Changes that are still to be added to the totals: were they added at once, every worker would wait for the same few rows.
CREATE TABLE trace_changes (
    sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour_ms BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    assembled BIGINT NOT NULL
);
CREATE TABLE delivery_changes (
    sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sink TEXT NOT NULL,
    hour_ms BIGINT NOT NULL,
    made BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    given_up BIGINT NOT NULL,
    superseded BIGINT NOT NULL
);

CREATE FUNCTION note_kept_traces() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trace_changes (hour_ms, kept, assembled)
    SELECT first_seen_ms - first_seen_ms % 3600000, count(*), count(assembled_at_ms) FROM kept GROUP BY 1;
    RETURN NULL;
END $$;
CREATE TRIGGER trace_kept AFTER INSERT ON traces
REFERENCING NEW TABLE AS kept FOR EACH STATEMENT EXECUTE FUNCTION note_kept_traces();
CREATE FUNCTION note_assembled_trace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trace_changes (hour_ms, kept, assembled) VALUES (
        OLD.first_seen_ms - OLD.first_seen_ms % 3600000, 0,
        (NEW.assembled_at_ms IS NOT NULL)::int - (OLD.assembled_at_ms IS NOT NULL)::int
    );
    RETURN NULL;
END $$;
CREATE TRIGGER trace_assembled AFTER UPDATE OF assembled_at_ms ON traces
FOR EACH ROW WHEN ((OLD.assembled_at_ms IS NULL) <> (NEW.assembled_at_ms IS NULL)) EXECUTE FUNCTION note_assembled_trace();
CREATE FUNCTION note_made_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_changes (sink, hour_ms, made, sent, given_up, superseded)
    SELECT sink, created_at_ms - created_at_ms % 3600000, count(*), count(*) FILTER (WHERE state = 'sent'),
        count(*) FILTER (WHERE state = 'given_up'), count(*) FILTER (WHERE state = 'superseded')
    FROM made GROUP BY 1, 2;
    RETURN NULL;
END $$;
CREATE TRIGGER delivery_made AFTER INSERT ON deliveries
REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION note_made_deliveries();
CREATE FUNCTION note_finished_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_changes (sink, hour_ms, made, sent, given_up, superseded) VALUES (
        OLD.sink, OLD.created_at_ms - OLD.created_at_ms % 3600000, 0,
        (NEW.state = 'sent')::int - (OLD.state = 'sent')::int,
        (NEW.state = 'given_up')::int - (OLD.state = 'given_up')::int,
        (NEW.state = 'superseded')::int - (OLD.state = 'superseded')::int
    );
    RETURN NULL;
END $$;
CREATE TRIGGER delivery_finished AFTER UPDATE OF state ON deliveries
FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_finished_delivery();

INSERT INTO trace_totals (hour_ms, kept, assembled)
SELECT first_seen_ms - first_seen_ms % 3600000, count(*), count(assembled_at_ms) FROM traces GROUP BY 1;
INSERT INTO delivery_totals (sink, hour_ms, made, sent, given_up, superseded)
SELECT sink, created_at_ms - created_at_ms % 3600000, count(*), count(*) FILTER (WHERE state = 'sent'),
    count(*) FILTER (WHERE state = 'given_up'), count(*) FILTER (WHERE state = 'superseded')
FROM deliveries GROUP BY 1, 2;
