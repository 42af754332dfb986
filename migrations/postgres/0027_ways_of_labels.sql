-- Which way a label came in; null where a worker of an earlier version stored it.
ALTER TABLE labels ADD COLUMN via TEXT;
-- Of a verdict that settles what several people said differently: what they had said, as JSON.
ALTER TABLE labels ADD COLUMN instead_of TEXT;
-- The names of annotators are read from the index alone, one by one.
CREATE INDEX labels_by_annotator ON labels (annotator);
