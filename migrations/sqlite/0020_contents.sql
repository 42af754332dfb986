-- How many subjects carry something to judge is counted from this index alone, without reading their content.
CREATE INDEX subjects_by_content ON subjects (kind, unjudgeable, created_at_ms);
