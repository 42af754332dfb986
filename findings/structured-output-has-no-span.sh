#!/usr/bin/env bash
# Question: is a call for structured output traced like any other call of the same API?
# Guess: yes: `responses.parse` sends the request that `responses.create` sends, with a schema.
# Seen: opentelemetry-instrumentation-openai 0.62.4 (OpenLLMetry) makes no span for `responses.parse`, though it makes one for
#   `responses.create` and for `chat.completions.parse`; openinference-instrumentation-openai 0.1.66 and
#   opentelemetry-instrumentation-genai-openai 1.3b0 trace all three.
# Why it matters: the answers of one feature are absent from traces and so from samples and scores, while the service looks
#   instrumented; nothing in what arrives says that something is missing.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-instrumentation-openai==0.62.4 \
  openinference-instrumentation-openai==0.1.66 opentelemetry-instrumentation-genai-openai==1.3b0
cat >parse.py <<'PY'
import importlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

ANSWER = '{"years": 2}'
USAGE = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}
DETAILS = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
TEXT = {"type": "output_text", "text": ANSWER, "annotations": []}
MESSAGE = {"type": "message", "id": "1", "role": "assistant", "status": "completed", "content": [TEXT]}
RESPONSE = {"id": "1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": [MESSAGE]}
RESPONSE |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": USAGE | DETAILS}
CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
COMPLETION = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}
COMPLETION["usage"] = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(RESPONSE if self.path.endswith("/responses") else COMPLETION).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Warranty(BaseModel):
    years: int


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
importlib.import_module(sys.argv[1]).OpenAIInstrumentor().instrument(tracer_provider=provider)
client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
question = [{"role": "user", "content": "How many years?"}]
calls = {
    "responses.create": lambda: client.responses.create(model="m", input=question).output_text,
    "responses.parse": lambda: client.responses.parse(model="m", input=question, text_format=Warranty).output_text,
    "chat.completions.parse": lambda: client.chat.completions.parse(
        model="m", messages=question, response_format=Warranty
    ).choices[0].message.content,
}
spans = []
for name, call in calls.items():
    exporter.clear()
    assert call() == ANSWER
    spans.append(f"{name} {len(exporter.get_finished_spans())}")
print(", ".join(spans))
PY
openllmetry=$(venv/bin/python parse.py opentelemetry.instrumentation.openai 2>/dev/null)
openinference=$(venv/bin/python parse.py openinference.instrumentation.openai 2>/dev/null)
genai=$(venv/bin/python parse.py opentelemetry.instrumentation.genai.openai 2>/dev/null)

echo "opentelemetry-instrumentation-openai 0.62.4 (call spans): $openllmetry"
echo "openinference-instrumentation-openai 0.1.66 (call spans): $openinference"
echo "opentelemetry-instrumentation-genai-openai 1.3b0 (call spans): $genai"
all="responses.create 1, responses.parse 1, chat.completions.parse 1"
[ "$openllmetry" = "responses.create 1, responses.parse 0, chat.completions.parse 1" ] &&
  [ "$openinference" = "$all" ] && [ "$genai" = "$all" ] || { echo "this has changed"; exit 1; }
