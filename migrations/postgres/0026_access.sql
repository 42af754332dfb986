-- Every change by a person; rows are added and never changed.
CREATE TABLE audit_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    -- The token's, the proxy's or the system's name of who did it; empty where nobody was asked.
    actor TEXT NOT NULL,
    -- `open`, `token`, `proxy` or `command`
    way TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
);

-- Sessions of the pages.
CREATE TABLE log_ins (
    -- SHA-256 of what the cookie holds.
    digest BYTEA NOT NULL PRIMARY KEY,
    -- A code of the token that gave it: without that token there is no session.
    token TEXT NOT NULL,
    ends_at_ms BIGINT NOT NULL
);
