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
) WITHOUT ROWID;

-- Changes that are still to be added to the totals; always empty on SQLite, whose writers do not wait for each other's rows.
CREATE TABLE trace_changes (
    sequence INTEGER PRIMARY KEY,
    hour_ms BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    assembled BIGINT NOT NULL
);
CREATE TABLE delivery_changes (
    sequence INTEGER PRIMARY KEY,
    sink TEXT NOT NULL,
    hour_ms BIGINT NOT NULL,
    made BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    given_up BIGINT NOT NULL,
    superseded BIGINT NOT NULL
);

CREATE TRIGGER trace_kept AFTER INSERT ON traces BEGIN
    INSERT INTO trace_totals (hour_ms, kept, assembled)
    VALUES (NEW.first_seen_ms - NEW.first_seen_ms % 3600000, 1, NEW.assembled_at_ms IS NOT NULL)
    ON CONFLICT (hour_ms) DO UPDATE SET kept = kept + 1, assembled = assembled + excluded.assembled;
END;
CREATE TRIGGER trace_assembled AFTER UPDATE OF assembled_at_ms ON traces
WHEN (OLD.assembled_at_ms IS NULL) <> (NEW.assembled_at_ms IS NULL) BEGIN
    UPDATE trace_totals
    SET assembled = assembled + (NEW.assembled_at_ms IS NOT NULL) - (OLD.assembled_at_ms IS NOT NULL)
    WHERE hour_ms = OLD.first_seen_ms - OLD.first_seen_ms % 3600000;
END;
CREATE TRIGGER delivery_made AFTER INSERT ON deliveries BEGIN
    INSERT INTO delivery_totals (sink, hour_ms, made, sent, given_up, superseded)
    VALUES (
        NEW.sink, NEW.created_at_ms - NEW.created_at_ms % 3600000, 1,
        NEW.state = 'sent', NEW.state = 'given_up', NEW.state = 'superseded'
    )
    ON CONFLICT (sink, hour_ms) DO UPDATE SET made = made + 1, sent = sent + excluded.sent,
        given_up = given_up + excluded.given_up, superseded = superseded + excluded.superseded;
END;
CREATE TRIGGER delivery_finished AFTER UPDATE OF state ON deliveries WHEN OLD.state <> NEW.state BEGIN
    UPDATE delivery_totals
    SET sent = sent + (NEW.state = 'sent') - (OLD.state = 'sent'),
        given_up = given_up + (NEW.state = 'given_up') - (OLD.state = 'given_up'),
        superseded = superseded + (NEW.state = 'superseded') - (OLD.state = 'superseded')
    WHERE sink = OLD.sink AND hour_ms = OLD.created_at_ms - OLD.created_at_ms % 3600000;
END;

INSERT INTO trace_totals (hour_ms, kept, assembled)
SELECT first_seen_ms - first_seen_ms % 3600000, count(*), count(assembled_at_ms) FROM traces GROUP BY 1;
INSERT INTO delivery_totals (sink, hour_ms, made, sent, given_up, superseded)
SELECT sink, created_at_ms - created_at_ms % 3600000, count(*), sum(state = 'sent'), sum(state = 'given_up'), sum(state = 'superseded')
FROM deliveries GROUP BY 1, 2;
