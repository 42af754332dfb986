#!/usr/bin/env bash
# Question: does a quadratically weighted kappa of 1-to-5 scores take the distance between the scores?
# Guess: yes: 2 and 4 are two apart whatever else was given.
# Seen: scikit-learn 1.9.1 numbers the levels that occur, so that 2 and 4 are neighbours once nobody gives a 3: kappa 0.87 where
#   the scores give 0.93, as it says itself with labels=[1, 2, 3, 4, 5]. irrCAC 0.4.4 takes the distances and says 0.93 unasked.
# Why it matters: on a scale whose middle is seldom used, a kappa jumps when somebody first uses it, and two packages, or two
#   segments of the same labels, are not comparable; no warning is given.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile scikit-learn==1.9.1 irrCAC==0.4.4 pandas==2.3.3 numpy==1.26.4
cat >kappa.py <<'PY'
import pandas
from irrCAC.raw import CAC
from sklearn.metrics import cohen_kappa_score

person = [1, 1, 2, 5, 5, 4]
judge = [1, 2, 2, 5, 4, 4]
as_given = cohen_kappa_score(person, judge, weights="quadratic")
whole_scale = cohen_kappa_score(person, judge, weights="quadratic", labels=[1, 2, 3, 4, 5])
by_score = CAC(pandas.DataFrame({"person": person, "judge": judge}), weights="quadratic").conger()["est"]["coefficient_value"]
print(f"{as_given:.3f} {whole_scale:.3f} {by_score:.3f}")
PY
saw=$(venv/bin/python kappa.py)
echo "scikit-learn 1.9.1, the same with labels=, irrCAC 0.4.4: $saw"
[ "$saw" = "0.867 0.933 0.933" ] || { echo "this has changed"; exit 1; }
