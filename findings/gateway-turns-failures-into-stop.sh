#!/usr/bin/env bash
# Question: does LiteLLM hand on a finish reason that says the answer is not whole?
# Guess: yes, or it maps what it does not know to something that is not "stop".
# Seen: litellm 1.110.2 hands on length and content_filter; but "error" (which OpenRouter sends when a provider fails midway),
#   "insufficient_system_resource" (DeepSeek: generation was interrupted), an unknown reason and none at all become "stop". What
#   the model said stands only in provider_specific_fields.native_finish_reason, and nowhere when it said nothing.
# Why it matters: behind the gateway a broken-off answer cannot be told from a finished one by finish_reason, in a judge's reply or in a
#   trace of the application; truncation counts and retries on "not stop" see none of them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile litellm==1.110.2
cat >finish.py <<'PY'
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

said = None


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        choice = {"index": 0, "finish_reason": said, "message": {"role": "assistant", "content": "Two years from"}}
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        reply["usage"] = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
for said in ("length", "content_filter", "error", "insufficient_system_resource", None):
    (choice,) = litellm.completion(
        model="openai/m",
        api_base=f"http://127.0.0.1:{server.server_port}/v1",
        api_key="none",
        messages=[{"role": "user", "content": "How long?"}],
    ).choices
    native = choice.provider_specific_fields.get("native_finish_reason")
    print(f"{said} -> {choice.finish_reason} ({native})", end="; ")
print()
PY
saw=$(venv/bin/python finish.py 2>/dev/null)
echo "litellm 1.110.2, upstream -> caller (native_finish_reason): $saw"
[ "$saw" = "length -> length (None); content_filter -> content_filter (None); error -> stop (error); \
insufficient_system_resource -> stop (insufficient_system_resource); None -> stop (None); " ] || { echo "this has changed"; exit 1; }
