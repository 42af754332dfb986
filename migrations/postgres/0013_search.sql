-- What is looked for among many other evaluations, in order of time: the conditions stand word for word in the search.
CREATE INDEX evaluations_by_label ON evaluations (label, created_at_ms) WHERE label IS NOT NULL AND label <> 'pass';
CREATE INDEX evaluations_by_outcome ON evaluations (outcome, created_at_ms)
    WHERE outcome NOT IN ('scored', 'filtered', 'sampled_out', 'pending');
