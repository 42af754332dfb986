-- Of each rubric that has nothing in production, the version that judges: the newest. Workers of earlier versions resolve the
-- name to the same version, and go on doing so when a newer file lies in their folder.
INSERT INTO rubric_aliases (name, alias, version, moved_at_ms)
SELECT v.name, 'production', v.version, v.published_at_ms FROM rubric_versions v
WHERE v.version = (SELECT max(version) FROM rubric_versions WHERE name = v.name)
    AND NOT EXISTS (SELECT 1 FROM rubric_aliases a WHERE a.name = v.name AND a.alias = 'production');
