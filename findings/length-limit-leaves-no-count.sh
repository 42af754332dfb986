#!/usr/bin/env bash
# Question: does a span whose text was cut by the SDK's attribute length limit say so?
# Guess: droppedAttributesCount, or some mark, tells a reader that something is missing.
# Seen: opentelemetry-sdk 1.39.0 (Python) and @opentelemetry/sdk-trace-base 2.2.0 (JavaScript) cut the value and leave every
#   dropped count at 0; the text just ends at the limit, in the middle of its JSON where it is JSON.
# Why it matters: plain text cut by the limit cannot be told from a whole answer by any field of the span; a reader has only
#   the length to go by.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet opentelemetry-sdk==1.39.0
cat >cut.py <<'PY'
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider(span_limits=SpanLimits(max_span_attribute_length=10))
provider.add_span_processor(SimpleSpanProcessor(exporter))
with provider.get_tracer("finding").start_as_current_span("chat") as span:
    span.set_attribute("gen_ai.completion", "Two years from the day of purchase.")
span = exporter.get_finished_spans()[0]
print(span.attributes["gen_ai.completion"], span.dropped_attributes, sep="|")
PY
python_saw=$(venv/bin/python cut.py)

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/api@1.9.0 @opentelemetry/sdk-trace-base@2.2.0 >/dev/null
cat >cut.js <<'JS'
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({
  spanLimits: { attributeValueLengthLimit: 10 },
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
const span = provider.getTracer('finding').startSpan('chat');
span.setAttribute('gen_ai.completion', 'Two years from the day of purchase.');
span.end();
const [cut] = exporter.getFinishedSpans();
console.log([cut.attributes['gen_ai.completion'], cut.droppedAttributesCount].join('|'));
JS
javascript_saw=$(node cut.js)

echo "opentelemetry-sdk 1.39.0 (text|dropped): $python_saw"
echo "@opentelemetry/sdk-trace-base 2.2.0 (text|dropped): $javascript_saw"
[ "$python_saw" = "Two years |0" ] && [ "$javascript_saw" = "Two years |0" ] || { echo "this has changed"; exit 1; }
