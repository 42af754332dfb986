"""Made-up traces of an application under load."""

import json
import random
import time
import urllib.request

RANDOM = random.Random(7)
WORDS = ["order", "refund", "parcel", "window", "policy", "address", "return", "label", "invoice", "colour"]


def text(size):
    """Words that do not compress to nothing."""
    words = []
    while size > 0:
        words.append(RANDOM.choice(WORDS) + str(RANDOM.randrange(10**6)))
        size -= len(words[-1]) + 1
    return " ".join(words)


def identifier(size):
    return RANDOM.randbytes(size).hex()


def span(trace, parent, name, attributes):
    now = time.time_ns()
    made = {
        "traceId": trace,
        "spanId": identifier(8),
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(now - 10**8),
        "endTimeUnixNano": str(now),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }
    return made | ({"parentSpanId": parent} if parent else {})


def call(trace, parent, question):
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": question}]}])
    said = [{"role": "assistant", "parts": [{"type": "text", "content": text(100)}], "finish_reason": "stop"}]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.input.messages": asked,
        "gen_ai.output.messages": json.dumps(said),
    }
    return span(trace, parent, "chat gpt-4o-mini", attributes)


def post(url, spans):
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "shop"}, "spans": spans}]}]})
    request = urllib.request.Request(f"{url}/v1/traces", body.encode(), {"content-type": "application/json"})
    urllib.request.urlopen(request, timeout=120).read()


def send_ordinary(url, traces):
    """Traces under a plain HTTP root; the ids of plain spans, and of those that judged reads."""
    plain, read = [], []
    for _ in range(traces):
        trace = identifier(16)
        root = span(trace, None, "POST /chat", {"http.request.method": "POST", "user.id": "u1", "session.id": "s1"})
        made = call(trace, root["spanId"], text(500))
        post(url, [root, made])
        plain.append(root["spanId"])
        read.append(made["spanId"])
    return plain, read


def send_large_trace(url, spans, text_bytes):
    """One trace, in requests that a receiver takes, that together are more than one message may be."""
    trace, read = identifier(16), []
    for _ in range(0, spans, 10):
        made = [call(trace, None, text(text_bytes)) for _ in range(10)]
        post(url, made)
        read += [one["spanId"] for one in made]
    return read


def send_span(url, text_bytes):
    made = call(identifier(16), None, text(text_bytes))
    post(url, [made])
    return made["spanId"]
