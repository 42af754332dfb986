-- What a judge that gives probabilities said of every point of the scale, as JSON; null of all other judges, and of what a worker
-- of an earlier version judged.
ALTER TABLE evaluations ADD COLUMN distribution TEXT;
