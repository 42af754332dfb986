"""What people and programs ask of a filled database, and how long each answer takes."""

import json
import time

from .worker import Worker

FILTERS = {
    "rubric, version": "rubric=harmfulness&version=1",
    "judge": "judge=default",
    "a judge with none": "judge=nobody",
    "a version with none": "rubric=harmfulness&version=9",
    "outcome": "outcome=failed",
    "an outcome with none": "outcome=expired",
    "label": "label=wrong_tool",
    "a label with none": "label=nothing",
    "segment": "segment=environment%3Dstaging",
    "a segment with none": "segment=environment%3Dnowhere",
    "text": "text=pole+is+broken",
    "a text with none": "text=zebra",
    "few documents": "documents_below=1",
    "no document count": "documents_below=0",
    "low values": "value_below=0.3",
    "a value with none": "value_below=-1",
    "segment, low, text": "segment=service%3Dsearch&value_below=0.5&text=monday",
}
# A page that takes longer is not asked as often: the table is to be had within the hour.
SECONDS_EACH = 10


def pages(worker, requests):
    """Yields (what, median in ms, p99 in ms, or the largest of fewer than a hundred)."""
    listed = json.loads(worker.get("/api/evaluations?limit=50")[1])
    some, after = listed["evaluations"][0], listed["next"]
    paths = {
        "overview": "/",
        "report": "/report",
        "ledger": "/ledger",
        "judges": "/judges",
        "alerts": "/alerts",
        "rubrics": "/rubrics",
        "a rubric": "/rubrics/faithfulness",
        "label: choice": "/label?annotator=carol",
        "label: an answer": "/label?rubric=faithfulness&annotator=carol",
        "an evaluation": f"/evaluations/{some['id']}",
        "evaluations": "/evaluations",
        "evaluations, second page": f"/evaluations?after={after}",
        "trace": f"/evaluations?trace={some['trace_id']}",
        **{f"filter: {name}": f"/evaluations?{query}" for name, query in FILTERS.items()},
        "API: evaluations": "/api/evaluations",
        "API: an evaluation": f"/api/evaluations/{some['id']}",
        "API: ledger": "/api/ledger",
        "API: report": "/api/report",
        "API: alerts": "/api/alerts",
        "metrics": "/metrics",
        "readyz": "/readyz",
    }
    for name, path in paths.items():
        times, begin = [], time.monotonic()
        while len(times) < requests and (not times or time.monotonic() - begin < SECONDS_EACH):
            status, _, seconds = worker.get(path)
            times.append(seconds * 1e3 if status == 200 else float("nan"))
        times.sort()
        yield name, times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]


COMMANDS = {
    "report": ["report", "--out", "out"],
    "drift": ["drift"],
    "labels queue": ["labels", "queue", "--annotator", "dora"],
    "export": ["export"],
    "ledger": ["ledger"],
}


def commands(worker):
    for name, arguments in COMMANDS.items():
        yield name, worker.command(*arguments)


def idle(worker, seconds):
    """The share of a core in percent: while the first calibration may still run, and afterwards."""
    shares = []
    for _ in range(2):
        before = worker.cpu_seconds()
        time.sleep(seconds)
        shares.append((worker.cpu_seconds() - before) / seconds * 100)
    return shares


def prepared(binary, folder, database):
    """A database with its tables and published rubrics, and the worker that will be measured."""
    worker = Worker(binary, folder, database)
    worker.start()
    worker.stop()
    return worker
