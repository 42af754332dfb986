-- The revision of the reading that assembled a subject's content, and the subject revision of which that is said: a worker
-- of an earlier release replaces the content of a row and leaves these columns as they were. Null in rows of earlier
-- releases.
ALTER TABLE subjects ADD COLUMN reading BIGINT;
ALTER TABLE subjects ADD COLUMN reading_of BIGINT;

-- What a score was made with: the reading of its subject, and the rendering of its prompt. Null where there is no verdict;
-- in verdicts of releases that kept no revisions, null stands for 1.
ALTER TABLE evaluations ADD COLUMN reading BIGINT;
ALTER TABLE evaluations ADD COLUMN rendering BIGINT;
