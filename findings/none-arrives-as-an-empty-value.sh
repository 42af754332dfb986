#!/usr/bin/env bash
# Question: what does a receiver get for a span attribute that was set to None (null)?
# Guess: nothing, as ever: null is no attribute value, and the SDK leaves the attribute out with a warning.
# Seen: opentelemetry-sdk 1.39.0 (Python) and @opentelemetry/sdk-trace-base 2.2.0 (JavaScript) leave it out; opentelemetry-sdk 1.45.2
#   sends the key with an AnyValue in which no kind of value is set, and says nothing.
# Why it matters: instrumentations set optional things without asking (user, session, temperature), so that an upgrade of the SDK
#   turns "absent" into "present without a value". Who prints such a value reads a user called "null" or "", one and the same for
#   all anonymous traffic.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
cat >none.py <<'PY'
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
with provider.get_tracer("finding").start_as_current_span("chat") as span:
    span.set_attribute("gen_ai.operation.name", "chat")
    span.set_attribute("user.id", None)
sent = encode_spans(exporter.get_finished_spans()).resource_spans[0].scope_spans[0].spans[0]
print(*(f"{attribute.key}={attribute.value.WhichOneof('value')}" for attribute in sent.attributes))
PY
venv/bin/pip install --quiet --no-compile opentelemetry-sdk==1.39.0 opentelemetry-exporter-otlp-proto-common==1.39.0
old_saw=$(venv/bin/python none.py 2>/dev/null)
venv/bin/pip install --quiet --no-compile opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-common==1.45.2
new_saw=$(venv/bin/python none.py)

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/api@1.9.0 @opentelemetry/sdk-trace-base@2.2.0 \
  @opentelemetry/otlp-transformer@0.208.0 >/dev/null
cat >null.js <<'JS'
const { JsonTraceSerializer } = require('@opentelemetry/otlp-transformer');
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const span = provider.getTracer('finding').startSpan('chat');
span.setAttribute('gen_ai.operation.name', 'chat');
span.setAttribute('user.id', null);
span.end();
const sent = JSON.parse(Buffer.from(JsonTraceSerializer.serializeRequest(exporter.getFinishedSpans())).toString());
const { attributes } = sent.resourceSpans[0].scopeSpans[0].spans[0];
console.log(attributes.map(({ key, value }) => `${key}=${Object.keys(value)}`).join(' '));
JS
javascript_saw=$(node null.js)

echo "opentelemetry-sdk 1.39.0: $old_saw"
echo "opentelemetry-sdk 1.45.2: $new_saw"
echo "@opentelemetry/sdk-trace-base 2.2.0: $javascript_saw"
[ "$old_saw" = "gen_ai.operation.name=string_value" ] &&
  [ "$new_saw" = "gen_ai.operation.name=string_value user.id=None" ] &&
  [ "$javascript_saw" = "gen_ai.operation.name=stringValue" ] || { echo "this has changed"; exit 1; }
