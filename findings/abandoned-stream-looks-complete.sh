#!/usr/bin/env bash
# Question: how does a trace show that an application stopped reading a streamed answer halfway (the user pressed stop)?
# Guess: one way, whatever instruments the call: an error, or a finish reason that is not "stop".
# Seen: no two alike. After two of three chunks opentelemetry-instrumentation-openai 0.62.4 (OpenLLMetry) ends the span with status
#   OK and no finish reason; openinference-instrumentation-openai 0.1.66 leaves both out; opentelemetry-instrumentation-genai-openai
#   1.3b0 writes the finish reason "error", with status ERROR after a bare `break` but none where the stream is used in a `with`
#   block. All keep the half of the text as the answer.
# Why it matters: half an answer is judged as the whole, and the model is blamed for what the reader did not wait for. The status tells
#   nothing; the one thing in common is a streamed call whose finish reason is missing or "error".
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-instrumentation-openai==0.62.4 \
  openinference-instrumentation-openai==0.1.66 opentelemetry-instrumentation-genai-openai==1.3b0
cat >stream.py <<'PY'
import gc
import importlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Model(BaseHTTPRequestHandler):
    """Streams one answer in three pieces."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        pieces = [({"content": text}, None) for text in ("Two ", "years ", "from today.")]
        for delta, finish in [*pieces, ({}, "stop")]:
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
importlib.import_module(sys.argv[1]).OpenAIInstrumentor().instrument(tracer_provider=provider)
client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")


def ask():
    return client.chat.completions.create(model="m", stream=True, messages=[{"role": "user", "content": "How long?"}])


def read(stream, chunks):
    for _, chunk in zip(range(chunks), stream):
        pass


def whole():
    read(ask(), 99)


def bare():
    read(ask(), 2)


def within():
    with ask() as stream:
        read(stream, 2)


for way in (whole, bare, within):
    exporter.clear()
    way()
    gc.collect()
    (span,) = exporter.get_finished_spans()
    attributes = span.attributes
    reasons = attributes.get("gen_ai.response.finish_reasons", attributes.get("llm.finish_reason"))
    reason = "no finish reason" if reasons is None else reasons if isinstance(reasons, str) else "+".join(reasons)
    text = " ".join(str(value) for value in attributes.values())
    answer = "whole" if "Two years from today." in text else "half" if "Two years " in text else "none"
    print(f"{way.__name__}: {span.status.status_code.name}, {reason}, {answer}", end="; ")
print()
PY
openllmetry=$(venv/bin/python stream.py opentelemetry.instrumentation.openai 2>/dev/null)
openinference=$(venv/bin/python stream.py openinference.instrumentation.openai 2>/dev/null)
genai=$(venv/bin/python stream.py opentelemetry.instrumentation.genai.openai 2>/dev/null)

echo "opentelemetry-instrumentation-openai 0.62.4: $openllmetry"
echo "openinference-instrumentation-openai 0.1.66: $openinference"
echo "opentelemetry-instrumentation-genai-openai 1.3b0: $genai"
half="no finish reason, half"
[ "$openllmetry" = "whole: OK, stop, whole; bare: OK, $half; within: OK, $half; " ] &&
  [ "$openinference" = "whole: OK, stop, whole; bare: UNSET, $half; within: UNSET, $half; " ] &&
  [ "$genai" = "whole: UNSET, stop, whole; bare: ERROR, error, half; within: UNSET, error, half; " ] || { echo "this has changed"; exit 1; }
