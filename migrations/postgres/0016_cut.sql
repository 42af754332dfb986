-- The parts of a subject that were cut off, or may have been, as a JSON list; null where nothing was, and where a worker of
-- an earlier version planned it.
ALTER TABLE subjects ADD COLUMN cut TEXT;
