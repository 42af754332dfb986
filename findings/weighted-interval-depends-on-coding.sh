#!/usr/bin/env bash
# Question: is the 95 % interval of a weighted pass rate the same whether passing or failing is the 1?
# Guess: yes, mirrored: the share of fails is one minus the share of passes, whatever the weights of the labels are.
# Seen: ppi-python 0.2.3 gives the same estimate for both, but with sample weights another interval: for 200 labels of which half were
#   drawn with probability 0.9 and half with 0.1, classical_mean_ci says 0.776 to 1.004 when passing is the 1 and 0.836 to 0.944 when
#   failing is; ppi_mean_ci differs likewise. With equal weights both agree. The spread is taken of weight times value, not of weight
#   times the distance to the mean, so that it grows with the mean itself.
# Why it matters: labels drawn with unequal inclusion probabilities need weights, and these two functions are the usual reference for
#   a pass rate corrected for a judge's errors. A comparison with them tests the coding, and where most answers pass the
#   interval of the pass rate is twice as wide as it need be.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile ppi-python==0.2.3 2>/dev/null
cat >coding.py <<'PY'
import numpy
from ppi_py import classical_mean_ci, ppi_mean_ci

inclusion = numpy.repeat([0.9, 0.1], 100)
people = numpy.concatenate([numpy.repeat([1.0, 0.0], [80, 20]), numpy.repeat([1.0, 0.0], [90, 10])])
judge = people.copy()
judge[::10] = 1 - judge[::10]
judged_only = numpy.tile([1.0, 1.0, 1.0, 1.0, 1.0, 0.0], 1000)


def both(interval):
    low, high = (numpy.ravel(bound)[0] for bound in interval(lambda values: values))
    fail_low, fail_high = (numpy.ravel(bound)[0] for bound in interval(lambda values: 1 - values))
    return f"{low:.3f}-{high:.3f} {1 - fail_high:.3f}-{1 - fail_low:.3f}"


for weights in (1 / inclusion, None):
    print(
        both(lambda code: classical_mean_ci(code(people), alpha=0.05, w=weights)),
        both(lambda code: ppi_mean_ci(code(people), code(judge), code(judged_only), alpha=0.05, w=weights)),
    )
PY
saw=$(venv/bin/python coding.py)
echo "ppi-python 0.2.3: classical_mean_ci and ppi_mean_ci, each with passing and with failing as the 1; weighted, then not:"
echo "$saw"
[ "$saw" = "0.776-1.004 0.836-0.944 0.853-0.962 0.859-0.955
0.801-0.899 0.801-0.899 0.851-0.925 0.851-0.925" ] || { echo "this has changed"; exit 1; }
