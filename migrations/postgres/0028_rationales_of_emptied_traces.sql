-- Retention empties rationales with the content they quote. It looks again, a few at a time, at what it had emptied before.
UPDATE traces SET emptied_before_ms = NULL WHERE emptied_before_ms IS NOT NULL;
