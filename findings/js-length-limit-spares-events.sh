#!/usr/bin/env bash
# Question: does OpenTelemetry's general attribute length limit bound the message text that instrumentations put into span events?
# Guess: yes, in every SDK: the limit is specified for attributes of spans and of their events.
# Seen: with the same limit of 10, opentelemetry-sdk 1.39.0 (Python) cuts an event's attribute to 10 characters;
#   @opentelemetry/sdk-trace-base 2.2.0 (JavaScript) cuts the span's attribute and leaves the event's text whole.
# Why it matters: one application sees a question cut (attribute) beside a whole answer (event), or the reverse in another
#   language, under one setting; what was cut cannot be concluded from the setting.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet opentelemetry-sdk==1.39.0
cat >event.py <<'PY'
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider(span_limits=SpanLimits(max_attribute_length=10))
provider.add_span_processor(SimpleSpanProcessor(exporter))
with provider.get_tracer("finding").start_as_current_span("chat") as span:
    span.set_attribute("question", "How long is the warranty?")
    span.add_event("gen_ai.choice", {"content": "Two years from the day of purchase."})
span = exporter.get_finished_spans()[0]
print(span.attributes["question"], span.events[0].attributes["content"], sep="|")
PY
python_saw=$(venv/bin/python event.py)

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/api@1.9.0 @opentelemetry/sdk-trace-base@2.2.0 >/dev/null
cat >event.js <<'JS'
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({
  generalLimits: { attributeValueLengthLimit: 10 },
  spanLimits: { attributeValueLengthLimit: 10 },
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
const span = provider.getTracer('finding').startSpan('chat');
span.setAttribute('question', 'How long is the warranty?');
span.addEvent('gen_ai.choice', { content: 'Two years from the day of purchase.' });
span.end();
const [ended] = exporter.getFinishedSpans();
console.log([ended.attributes.question, ended.events[0].attributes.content].join('|'));
JS
javascript_saw=$(node event.js)

echo "opentelemetry-sdk 1.39.0 (attribute|event): $python_saw"
echo "@opentelemetry/sdk-trace-base 2.2.0 (attribute|event): $javascript_saw"
[ "$python_saw" = "How long i|Two years " ] &&
  [ "$javascript_saw" = "How long i|Two years from the day of purchase." ] || { echo "this has changed"; exit 1; }
