"""Requests: the demo's recordings, and spans that name a person."""

import json
import time

from .common import ROOT

ADDRESS = "ada@example.com"


def attribute(key, text):
    return {"key": key, "value": {"stringValue": text}}


def recorded(mark):
    """The demo's recorded requests, with a resource attribute that makes their bytes new."""
    requests = []
    for file in sorted((ROOT / "demo").glob("o*.jsonl")):
        for line in file.read_text().splitlines():
            request = json.loads(line)
            for resource in request.get("resourceSpans", []) + request.get("resourceLogs", []):
                resource["resource"]["attributes"].append(attribute("upgrade.try", mark))
            requests.append(request)
    return requests


def personal(trace_id, span_id):
    """A generation with an address in its text and as its session; a rule of the configuration keeps its trace."""

    def messages(role, text):
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

    now = time.time_ns()
    span = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": "chat",
        "startTimeUnixNano": str(now - 1_000_000),
        "endTimeUnixNano": str(now),
        "attributes": [
            attribute("gen_ai.operation.name", "chat"),
            attribute("gen_ai.conversation.id", ADDRESS),
            attribute("gen_ai.input.messages", messages("user", f"Who is {ADDRESS}?")),
            attribute("gen_ai.output.messages", messages("assistant", f"{ADDRESS} is a colleague.")),
        ],
    }
    resource = {"attributes": [attribute("service.name", "always-judged")]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
