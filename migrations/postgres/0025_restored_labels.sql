-- Whether the label was first seen by another database, whose word on when that was is kept.
ALTER TABLE labels ADD COLUMN restored BOOLEAN NOT NULL DEFAULT FALSE;
