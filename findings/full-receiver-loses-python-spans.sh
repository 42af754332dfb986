#!/usr/bin/env bash
# Question: does an OTLP/HTTP exporter send spans again after "429 Too Many Requests" with Retry-After?
# Guess: yes: OTLP names 429, 502, 503 and 504 as those to retry, and asks for Retry-After to be honoured.
# Seen: opentelemetry-exporter-otlp-proto-http 1.39.0 (Python) drops the batch at 429, tries again after 500, which OTLP says is final,
#   and waits about a second after a 503 that asks for three; 1.45.2 does as OTLP says.
#   @opentelemetry/exporter-trace-otlp-http 0.208.0 (JavaScript) does too.
# Why it matters: a receiver that answers 429 when it is full, as it should, loses the spans of Python services that are not on a
#   recent SDK, and of those alone; 503 keeps them. A sample of traces is then thinned exactly when it is busiest.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >export.py <<'PY'
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

logging.disable(logging.CRITICAL)
arrivals = []
refusal = {}


class Receiver(BaseHTTPRequestHandler):
    """Refuses the first request, takes the next."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        arrivals.append(time.monotonic())
        first = len(arrivals) == 1
        self.send_response(refusal["status"] if first else 200)
        if first and "wait" in refusal:
            self.send_header("Retry-After", refusal["wait"])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
span = TracerProvider().get_tracer("finding").start_span("chat")
span.end()
seen = []
for refusal in ({"status": 429, "wait": "1"}, {"status": 503, "wait": "3"}, {"status": 500}):
    arrivals.clear()
    result = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{server.server_port}/v1/traces").export([span])
    waited = arrivals[-1] - arrivals[0]
    honoured = "" if "wait" not in refusal or len(arrivals) == 1 else " early" if waited < float(refusal["wait"]) else " in time"
    seen.append(f"{refusal['status']} {result.name} requests={len(arrivals)}{honoured}")
print("; ".join(seen))
PY
python3 -m venv venv
venv/bin/pip install --quiet opentelemetry-exporter-otlp-proto-http==1.39.0
old_saw=$(venv/bin/python export.py)
venv/bin/pip install --quiet opentelemetry-exporter-otlp-proto-http==1.45.2
new_saw=$(venv/bin/python export.py)

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/api@1.9.0 @opentelemetry/sdk-trace-base@2.2.0 \
  @opentelemetry/exporter-trace-otlp-http@0.208.0 >/dev/null
cat >export.js <<'JS'
const http = require('http');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const kept = new InMemorySpanExporter();
new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(kept)] }).getTracer('finding').startSpan('chat').end();
let arrivals = [];
let refusal;
const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    arrivals.push(performance.now());
    if (arrivals.length > 1) response.writeHead(200).end();
    else response.writeHead(refusal.status, refusal.wait ? { 'Retry-After': refusal.wait } : {}).end();
  });
});
server.listen(0, '127.0.0.1', async () => {
  const seen = [];
  for (refusal of [{ status: 429, wait: '1' }, { status: 503, wait: '3' }, { status: 500 }]) {
    arrivals = [];
    const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${server.address().port}/v1/traces` });
    const result = await new Promise(done => exporter.export(kept.getFinishedSpans(), done));
    const waited = arrivals.at(-1) - arrivals[0];
    const honoured = arrivals.length === 1 ? '' : waited < 990 * Number(refusal.wait) ? ' early' : ' in time';
    seen.push(`${refusal.status} ${result.code === 0 ? 'SUCCESS' : 'FAILURE'} requests=${arrivals.length}${honoured}`);
  }
  console.log(seen.join('; '));
  process.exit(0);
});
JS
javascript_saw=$(node export.js)

echo "opentelemetry-exporter-otlp-proto-http 1.39.0: $old_saw"
echo "opentelemetry-exporter-otlp-proto-http 1.45.2: $new_saw"
echo "@opentelemetry/exporter-trace-otlp-http 0.208.0: $javascript_saw"
rule="429 SUCCESS requests=2 in time; 503 SUCCESS requests=2 in time; 500 FAILURE requests=1"
[ "$old_saw" = "429 FAILURE requests=1; 503 SUCCESS requests=2 early; 500 SUCCESS requests=2" ] &&
  [ "$new_saw" = "$rule" ] && [ "$javascript_saw" = "$rule" ] || { echo "this has changed"; exit 1; }
