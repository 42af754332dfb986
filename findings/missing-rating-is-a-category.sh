#!/usr/bin/env bash
# Question: what does Fleiss' kappa make of a rating that is missing (NaN) where not everybody labelled everything?
# Guess: an error, or the missing ratings are left out: the function's own text says that what is no integer raises an exception.
# Seen: statsmodels 0.15.0 counts NaN as one more category, on which raters agree. A third annotator who never labelled anything turns
#   kappa 0.33 into -0.17; when everybody skips the same half of the items, which is agreement on nothing, -0.50 becomes 0.45.
# Why it matters: label exports of several annotators are full of holes; the figure looks sound, no warning is given, and it
#   measures who labelled what.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile statsmodels==0.15.0
cat >missing.py <<'PY'
import numpy
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

NONE = numpy.nan


def kappa(ratings):
    return f"{fleiss_kappa(aggregate_raters(numpy.array(ratings, dtype=float))[0]):.2f}"


two = [[1, 1], [0, 1], [0, 0], [1, 0], [1, 1], [0, 0]]
at_odds = [[1, 0], [0, 1], [1, 1]]
print(
    kappa(two),
    kappa([[*ratings, NONE] for ratings in two]),
    kappa(at_odds),
    kappa([*at_odds, *[[NONE, NONE]] * len(at_odds)]),
)
PY
saw=$(venv/bin/python missing.py)
echo "statsmodels 0.15.0 (two raters, an idle third; half labelled, with the unlabelled half): $saw"
[ "$saw" = "0.33 -0.17 -0.50 0.45" ] || { echo "this has changed"; exit 1; }
