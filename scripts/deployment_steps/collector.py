"""The Collector files, run: each is loaded by a real Collector, its filters are held against recorded spans, and spans go through
it to a running judged whose scores come back."""

import json
import pathlib
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager

from kafka_steps.broker import Broker

from . import collector_build, losses, traffic
from .common import DEPLOY, ROOT, Failure, free_port, say
from .processes import Process, broker, is_up, send, wait_for

FILES = ["rabbitmq.yaml", "kafka.yaml", "otlp.yaml"]
# The exporter that drops a span over the size of a message, by file.
SIZED = {"rabbitmq.yaml": "otlp_grpc/sized", "kafka.yaml": '"otelcol.component.id": "kafka"'}
# What the Collector logs of a span that no message may hold.
DROPPED = "single span exceeds the max size limit"
# More than groupbytrace waits, and judging, and delivery, on a busy machine.
PATIENCE_SECONDS = 240


def check(options):
    otelcol = collector_build.build()
    for file in FILES:
        kept = filter_keeps(otelcol, options.judged, DEPLOY / "collector" / file, [ROOT / "demo", *options.captures])
        say(f"  {file}: {kept} recorded spans are read the same behind its filters")
    for file in FILES:
        pass_through(otelcol, options.judged, file)
    losses.check(otelcol)


class Ports:
    """Free ports in the place of those that a file names."""

    def __init__(self, text):
        self.text = text
        self.named = {}
        for port in ("4317", "4318", "4319", "4320", "13133"):
            self.named[port] = free_port()
            for host in ("0.0.0.0", "127.0.0.1"):
                self.text = self.text.replace(f"{host}:{port}", f"127.0.0.1:{self.named[port]}")

    def http(self):
        return f"http://127.0.0.1:{self.named['4318']}"


def collector(stack, otelcol, folder, configs, environment):
    """A running Collector that answers its health check, or why it does not."""
    arguments = [word for config in configs for word in ("--config", str(config))]
    arguments += ["--set", "service::telemetry::metrics::level=none"]
    return stack.enter_context(Process([otelcol, *arguments], folder / "collector.log", environment))


def recorded(folders):
    """Files of spans, each with the file of log events beside it."""
    for folder in folders:
        for spans in sorted(pathlib.Path(folder).glob("*.jsonl")):
            if not spans.name.endswith((".logs.jsonl", "labels.jsonl")):
                yield spans, spans.with_name(spans.name.replace(".jsonl", ".logs.jsonl"))


def inspect(judged, files):
    """What judged reads, by span: everything but what it is called."""
    files = [str(file) for file in files if file.exists() and file.stat().st_size]
    if not files:
        return {}
    done = subprocess.run([judged, "inspect", *files, "--format", "json"], capture_output=True, text=True)
    read = {}
    for line in done.stdout.splitlines():
        span = json.loads(line)
        if span.get("kind") not in ("plain", "other", None) and not span.get("duplicate_of"):
            members = ("kind", "content", "output_text", "input", "documents", "input_tokens", "output_tokens", "tool_calls")
            read[span["trace_id"], span["span_id"]] = {member: span.get(member) for member in members}
    return read


def filter_keeps(otelcol, judged, file, folders):
    """Recorded spans through the filters of a file alone; how many were read, all of them the same before and after."""
    total, wrong = 0, []
    with ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="judged-filter.")))
        ports = Ports(file.read_text())
        (folder / "shipped.yaml").write_text(ports.text)
        # Of the pipelines that lead to judged only the filters stay, and a file stands for judged.
        (folder / "filters.yaml").write_text(f"""
exporters:
  file/traces: {{ path: {folder}/traces.jsonl, flush_interval: 100ms }}
  file/logs: {{ path: {folder}/logs.jsonl, flush_interval: 100ms }}
service:
  pipelines:
    traces/judge: {{ receivers: [otlp], processors: [filter/llm], exporters: [file/traces] }}
    logs/judge: {{ receivers: [otlp], processors: [filter/llm_events], exporters: [file/logs] }}
    traces/backend: {{ receivers: [otlp], exporters: [debug/events] }}
    traces/scores: {{ receivers: [otlp/scores], exporters: [debug/events] }}
    traces/sized: {{ receivers: [otlp/scores], exporters: [debug/events] }}
    logs/sized: {{ receivers: [otlp/scores], exporters: [debug/events] }}
""")
        environment = {"RABBITMQ_ENDPOINT": "amqp://unused", "RABBITMQ_USER": "unused", "RABBITMQ_PASSWORD": "unused"}
        environment |= {"BACKEND_ENDPOINT": "127.0.0.1:9", "JUDGED_ENDPOINT": "127.0.0.1:9", "KAFKA_BROKER": "127.0.0.1:9"}
        running = collector(stack, otelcol, folder, [folder / "shipped.yaml", folder / "filters.yaml"], environment)
        wait_for(is_up(ports.http()), 60, running)
        before = {}
        for spans, logs in recorded(folders):
            before |= inspect(judged, [spans, logs])
            for source, signal in ((spans, "traces"), (logs, "logs")):
                for line in source.read_text().splitlines() if source.exists() else []:
                    if line.strip():
                        send(ports.http(), signal, line)
        running.stop()
        after = inspect(judged, [folder / "traces.jsonl", folder / "logs.jsonl"])
        total = len(before)
        wrong = [key for key in before if before[key] != after.get(key)]
        if wrong:
            shown = [f"{before[key]['kind']} {key}" for key in wrong[:5]]
            raise Failure(f"{file.name}: {len(wrong)} of {total} spans are lost or changed by the filters: {shown}")
    return total


def judged_configuration(folder, ports, amqp, kafka):
    """judged beside the Collector: every trace is judged by the offline baseline."""
    grpc, http = free_port(), free_port()
    broker_section = f'[intake.amqp]\nurl = "{amqp}"\n' if amqp else ""
    broker_section += f'[intake.kafka]\nbrokers = ["{kafka.address}"]\n' if kafka else ""
    (folder / "judged.toml").write_text(f"""
[store]
url = "sqlite://{folder}/judged.db"
[intake.otlp]
http = "127.0.0.1:{http}"
grpc = "127.0.0.1:{grpc}"
{broker_section}
[sampling]
rate = 1.0
[assembly]
settle = "1s"
max_wait = "5s"
[[sinks]]
name = "otel"
type = "otlp"
endpoint = "http://127.0.0.1:{ports.named['4319']}"
protocol = "grpc"
[web]
listen = "127.0.0.1:{free_port()}"
""")
    return grpc, http


def backend_configuration(folder, port):
    """A second Collector with the limits of an ordinary backend: 4 MiB a message."""
    (folder / "backend.yaml").write_text(f"""
receivers:
  otlp: {{ protocols: {{ grpc: {{ endpoint: "127.0.0.1:{port}" }} }} }}
exporters:
  file/traces: {{ path: {folder}/backend.jsonl, flush_interval: 200ms }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [file/traces] }}
""")


def at_backend(folder):
    """Spans of the application, and evaluations, that the backend holds."""
    spans, evaluations = set(), set()
    for line in (folder / "backend.jsonl").read_text().splitlines():
        for block in json.loads(line)["resourceSpans"]:
            for scope in block["scopeSpans"]:
                for span in scope["spans"]:
                    named = [item["value"] for item in span.get("attributes", []) if item["key"] == "judged.evaluation.id"]
                    if named:
                        evaluations.add(json.dumps(named[0]))
                    else:
                        spans.add(span["spanId"])
    return spans, evaluations


def ledger(judged, folder):
    done = subprocess.run(
        [judged, "ledger", "--config", folder / "judged.toml", "--format", "json"], capture_output=True, text=True
    )
    return json.loads(done.stdout) if done.stdout.startswith("{") else None


def is_dropped(log, exporter):
    return any(DROPPED in line and exporter in line for line in log.read_text().splitlines())


@contextmanager
def kafka_broker(folder):
    kafka = Broker(folder)
    kafka.start()
    try:
        for topic in ("otlp_spans", "otlp_logs", "judged_dead_letters"):
            kafka.create(topic, 2)
        yield kafka
    finally:
        kafka.stop()


def kill_kafka(kafka):
    """The same of Kafka's broker."""

    def kill():
        time.sleep(10)
        kafka.kill()
        kafka.start()

    restarting = threading.Thread(target=kill)
    restarting.start()
    return restarting


def kill_broker(folder):
    """The broker dies when groupbytrace lets the first traces go, and is started again; nothing where it runs in a container."""
    services = folder / "services"
    if not (services / "rabbitmq.started").exists():
        return None
    command = 'sleep 10; exec "$0" restart "$1" rabbitmq'
    return subprocess.Popen(["bash", "-c", command, ROOT / "scripts/services", services])


def pass_through(otelcol, judged, file):
    """Ordinary traces, a trace larger than any message, and a span that no message may hold, through the file as it is, while
    the broker is killed and started again."""
    with ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="judged-collector.")))
        ports, backend = Ports((DEPLOY / "collector" / file).read_text()), free_port()
        (folder / "shipped.yaml").write_text(ports.text)
        amqp = stack.enter_context(broker(folder)) if file == "rabbitmq.yaml" else None
        kafka = stack.enter_context(kafka_broker(folder)) if file == "kafka.yaml" else None
        grpc, http = judged_configuration(folder, ports, amqp, kafka)
        backend_configuration(folder, backend)
        quiet = {"RUST_LOG": "warn"}
        service = stack.enter_context(Process([judged, "run", "--config", "judged.toml"], folder / "judged.log", quiet))
        wait_for(is_up(f"http://127.0.0.1:{http}"), 60, service)
        if amqp:
            # judged declares its queues once it is connected; what is published before that is lost.
            time.sleep(5)
        behind = stack.enter_context(
            Process([otelcol, "--config", folder / "backend.yaml", "--set", "service::telemetry::metrics::level=none"], folder / "backend.log", {})
        )
        environment = {"BACKEND_ENDPOINT": f"127.0.0.1:{backend}", "JUDGED_ENDPOINT": f"127.0.0.1:{grpc}"}
        if amqp:
            address = amqp.split("@")[1].split("/")[0]
            environment |= {"RABBITMQ_ENDPOINT": f"amqp://{address}", "RABBITMQ_USER": "guest", "RABBITMQ_PASSWORD": "guest"}
        if kafka:
            environment |= {"KAFKA_BROKER": kafka.address}
        running = collector(stack, otelcol, folder, [folder / "shipped.yaml"], environment)
        wait_for(is_up(ports.http()), 60, running)
        restarting = kill_broker(folder) if amqp else None
        restarting_kafka = kill_kafka(kafka) if kafka else None
        plain, read = traffic.send_ordinary(ports.http(), traces=50)
        read += traffic.send_large_trace(ports.http(), spans=80, text_bytes=300_000)
        # Whole in one message of RabbitMQ, and over the limit of a backend and of Kafka.
        traffic.send_span(ports.http(), text_bytes=12_000_000)
        # More than one message of the broker may be.
        traffic.send_span(ports.http(), text_bytes=16_000_000)

        if restarting and restarting.wait() != 0:
            raise Failure("the broker did not come back")
        if restarting_kafka:
            restarting_kafka.join()
        expected = len(read) + (1 if amqp else 0 if kafka else 2)

        def all_there():
            books = ledger(judged, folder)
            spans, evaluations = at_backend(folder)
            sent = (books or {}).get("deliveries", {}).get("otel", {})
            return (
                books is not None
                and books["intake"]["kept"] == expected
                and books["balanced"]
                and set(plain + read) <= spans
                and len(evaluations) >= len(read) // 4
                and sent
            )

        try:
            wait_for(all_there, PATIENCE_SECONDS, service, running, behind)
        except Failure as failure:
            spans, evaluations = at_backend(folder)
            books = ledger(judged, folder)
            log = "\n".join((folder / "collector.log").read_text()[-3000:].splitlines()[-12:])
            raise Failure(
                f"{file}: {failure}; expected {expected} spans in judged and {len(plain + read)} at the backend, which has "
                f"{len(set(plain + read) & spans)} and {len(evaluations)} scores; ledger {json.dumps(books)}\n{log}"
            ) from failure
        if file in SIZED:
            # After groupbytrace has let it go.
            wait_for(lambda: is_dropped(folder / "collector.log", SIZED[file]), 60, running)
        spans, evaluations = at_backend(folder)
        books = ledger(judged, folder)["intake"]
        fate = "was dropped with a warning" if file in SIZED else "arrived"
        fate += ", the broker was killed meanwhile" if restarting or restarting_kafka else ""
        say(
            f"  {file}: {books['kept']} spans in judged, {len(set(plain + read) & spans)} at the backend, {len(evaluations)} scores "
            f"back, {books['own']} of them led back to judged; the span of 16 MB {fate}"
        )
