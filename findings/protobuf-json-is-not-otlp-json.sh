#!/usr/bin/env bash
# Question: is the JSON that protobuf's own printer makes of an OTLP request valid OTLP/JSON?
# Guess: yes, OTLP/JSON is protobuf's JSON mapping of the same message.
# Seen: protobuf 6.33.2 with opentelemetry-proto 1.39.0 writes trace and span ids in base64 and the span kind by name; OTLP/JSON
#   demands hexadecimal ids and integer enumerations, so that the printed request is refused or its ids are read wrongly.
# Why it matters: bridges and tests that print a request this way send base64 ids to every OTLP/JSON receiver.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet opentelemetry-proto==1.39.0 protobuf==6.33.2
cat >printed.py <<'PY'
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.trace.v1.trace_pb2 import Span

printed = MessageToDict(Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, kind=Span.SPAN_KIND_CLIENT))
print(printed["traceId"], printed["spanId"], printed["kind"])
PY
saw=$(venv/bin/python printed.py)
echo "protobuf 6.33.2, opentelemetry-proto 1.39.0: $saw"
[ "$saw" = "AQEBAQEBAQEBAQEBAQEBAQ== AgICAgICAgI= SPAN_KIND_CLIENT" ] || { echo "this has changed"; exit 1; }
