"""What a kept span and an evaluation take on disk, and what a trace costs that grows in waves: through the real intake."""

import json
import random
import sqlite3
import time

from upgrade_steps.common import run

from .worker import Worker

# The judge that needs no network.
BASELINE = ""
RESOURCE = {
    "service.name": "checkout-assistant",
    "service.namespace": "shop",
    "service.version": "4.17.2",
    "service.instance.id": "5c1d3f8e-41c7-4f2b-9a55-0c6b5d1f7a10",
    "deployment.environment.name": "production",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.27.0",
    "k8s.cluster.name": "shop-eu-central-1",
    "k8s.namespace.name": "assistants",
    "k8s.deployment.name": "checkout-assistant",
    "k8s.pod.name": "checkout-assistant-6c9d7f7b5d-x2x9k",
    "k8s.pod.uid": "1f0e2b4c-7d62-4a47-8c9b-1c0a3c0b9a11",
    "k8s.node.name": "ip-10-12-44-201.eu-central-1.compute.internal",
    "k8s.container.name": "app",
    "container.image.name": "registry.example.com/shop/checkout-assistant",
    "container.image.tag": "4.17.2",
    "container.id": "2f1d9d5be5e94f61a3d1bd7be4dcb52e5d5e6f73f4ac4a9b8c8b1d5f4a6e7c21",
    "process.pid": "7",
    "process.runtime.name": "cpython",
    "process.runtime.version": "3.12.6",
    "process.command_line": "/usr/local/bin/python -m uvicorn assistant.app:create --host 0.0.0.0 --port 8080",
    "host.arch": "amd64",
    "os.type": "linux",
}
ANSWER = "Your tent was sent on Monday. With express delivery it arrives within three days, else within a week. " * 4


def attributes(values):
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def span(trace, number, parent=None):
    start = 1_700_000_000_000_000_000 + trace * 1_000_000
    made = {
        "traceId": f"{trace + 1:032x}",
        "spanId": f"{trace * 100_000 + number + 1:016x}",
        "name": "chat model-a" if parent else "POST /assistant",
        "kind": 3 if parent else 2,
        "startTimeUnixNano": str(start + number * 1_000),
        "endTimeUnixNano": str(start + number * 1_000 + 900_000),
        "attributes": attributes({"http.request.method": "POST", "url.path": "/assistant"}),
    }
    if parent:
        made["parentSpanId"] = parent
        messages = [{"role": "user", "parts": [{"type": "text", "content": f"Where is my order {trace}-{number}?"}]}]
        answer = [{"role": "assistant", "parts": [{"type": "text", "content": f"{number}. {ANSWER}"}]}]
        made["attributes"] = attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "model-a",
                "gen_ai.conversation.id": f"conversation-{trace // 3}",
                "gen_ai.input.messages": json.dumps(messages),
                "gen_ai.output.messages": json.dumps(answer),
            }
        )
    return made


def request(spans, resource):
    scope = {"scope": {"name": "assistant"}, "spans": spans}
    return json.dumps({"resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [scope]}]})


def used(database):
    """Bytes in use, without what a log or free pages hold."""
    if database.name == "SQLite":
        with sqlite3.connect(database.file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            one = lambda pragma: connection.execute(f"PRAGMA {pragma}").fetchone()[0]  # noqa: E731
            return (one("page_count") - one("freelist_count")) * one("page_size")
    tables = "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    run(["psql", "-qAtX", database.url, "-c", "VACUUM"])
    return int(run(["psql", "-qAtX", database.url, "-c", tables]))


def one(database, sql):
    if database.name == "SQLite":
        with sqlite3.connect(database.file) as connection:
            return connection.execute(sql).fetchone()[0]
    return int(run(["psql", "-qAtX", database.url, "-c", sql]))


def wait(holds):
    end = time.monotonic() + 300
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)


def per_row(binary, folder, database, traces=1_500):
    """Bytes for a kept span of usual size, and for an evaluation with its subject and delivery."""
    worker = Worker(binary, folder, database, judge=BASELINE, rate=1.0, settle="1s")
    worker.start("--roles", "intake,web")
    before = used(database)
    for first in range(0, traces, 50):
        for trace in range(first, first + 50):
            root = span(trace, 0)
            worker.post(request([root, span(trace, 1, root["spanId"])], RESOURCE))
    spans = used(database)
    worker.stop()
    worker.start("--roles", "assemble,evaluate,web")
    wait(lambda: one(database, "SELECT count(*) FROM traces WHERE due_at_ms IS NOT NULL") == 0)
    wait(lambda: one(database, "SELECT count(*) FROM evaluations WHERE outcome = 'pending'") == 0)
    worker.stop()
    evaluations = one(database, "SELECT count(*) FROM evaluations")
    return (spans - before) / (traces * 2), (used(database) - spans) / evaluations


def large_resource(binary, folder, database, spans=1_500, kilobytes=108):
    """MiB that one request takes whose spans share a large resource."""
    worker = Worker(binary, folder, database, judge=BASELINE, rate=1.0, settle="1h")
    worker.start("--roles", "intake,web")
    before = used(database)
    root = span(0, 0)
    resource = {**RESOURCE, "process.command_args": random.Random(7).randbytes(kilobytes * 500).hex()}
    worker.post(request([root, *(span(0, number, root["spanId"]) for number in range(1, spans))], resource))
    taken = used(database) - before
    worker.stop()
    return taken / 2**20


def waves(binary, folder, database, number=40, traces=10, spans=10):
    """Processor seconds for traces that grow in half as many waves, and in all of them; each is assembled in between."""
    worker = Worker(binary, folder, database, judge=BASELINE, rate=1.0, settle="100ms")
    worker.start("--roles", "intake,assemble,web")
    begin, half = worker.cpu_seconds(), 0.0
    for wave in range(number):
        if wave == number // 2:
            half = worker.cpu_seconds() - begin
        for trace in range(traces):
            root = span(trace, 0)
            first = [root] if wave == 0 else []
            later = range(wave * spans + 1, (wave + 1) * spans + 1)
            worker.post(request([*first, *(span(trace, index, root["spanId"]) for index in later)], RESOURCE))
        time.sleep(0.4)
    wait(lambda: one(database, "SELECT count(*) FROM traces WHERE due_at_ms IS NOT NULL") == 0)
    whole = worker.cpu_seconds() - begin
    worker.stop()
    return half, whole
