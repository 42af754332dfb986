-- What the workers on this database share and nobody else knows: one row, written in the transaction that adds this table.
CREATE TABLE installation (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    -- 32 random bytes, from which the keys of data blocks, seals and placeholders are made.
    secret BYTEA NOT NULL,
    secret_since_ms BIGINT NOT NULL,
    -- Draws the samples where sampling.salt is not configured. Null in a database of an earlier version until a worker
    -- notes the salt that it was run with.
    salt TEXT,
    -- A database of an earlier version: the salt still makes the placeholders as well.
    salt_makes_placeholders BOOLEAN NOT NULL
);
