"""What docs/collector.md says of losses, where a Collector alone shows it."""

import json
import pathlib
import tempfile
from contextlib import ExitStack

from . import traffic
from .common import DEPLOY, Failure, free_port, say
from .processes import Process, broker, is_up, wait_for

SECRET = "4012888888881881"
# Longer than a Collector takes to start on a busy machine.
PATIENCE_SECONDS = 60


def check(otelcol):
    needs_the_broker_at_start(otelcol)
    loses_what_has_no_queue(otelcol)
    redaction_masks_text_alone(otelcol)


def needs_the_broker_at_start(otelcol):
    with ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="judged-losses.")))
        text = (DEPLOY / "collector/rabbitmq.yaml").read_text()
        for port in ("4317", "4318", "4319", "4320", "13133"):
            text = text.replace(f":{port}", f":{free_port()}").replace("0.0.0.0", "127.0.0.1")
        (folder / "shipped.yaml").write_text(text)
        environment = {"RABBITMQ_ENDPOINT": f"amqp://127.0.0.1:{free_port()}", "RABBITMQ_USER": "guest"}
        environment |= {"RABBITMQ_PASSWORD": "guest", "BACKEND_ENDPOINT": "127.0.0.1:9"}
        command = [otelcol, "--config", folder / "shipped.yaml", "--set", "service::telemetry::metrics::level=none"]
        running = stack.enter_context(Process(command, folder / "collector.log", environment))
        wait_for(running.has_ended, PATIENCE_SECONDS)
        if "cannot connect to the broker" not in running.last_words():
            raise Failure(f"without a broker the Collector ended otherwise than documented:\n{running.last_words()}")
    say("  without a broker the Collector exits when it starts")


def loses_what_has_no_queue(otelcol):
    with ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="judged-losses.")))
        address = stack.enter_context(broker(folder)).split("@")[1].split("/")[0]
        port = free_port()
        (folder / "collector.yaml").write_text(f"""
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "127.0.0.1:{port}" }} }} }} }}
exporters:
  rabbitmq:
    connection:
      endpoint: amqp://{address}
      vhost: /
      auth: {{ plain: {{ username: guest, password: guest }} }}
service: {{ pipelines: {{ traces: {{ receivers: [otlp], exporters: [rabbitmq] }} }} }}
""")
        command = [otelcol, "--config", folder / "collector.yaml", "--set", "service::telemetry::metrics::level=none"]
        running = stack.enter_context(Process(command, folder / "collector.log", {}))
        url = f"http://127.0.0.1:{port}"
        wait_for(is_up(url), PATIENCE_SECONDS, running)
        # Synchronous from receiver to broker: a failure would be the sender's.
        traffic.send_span(url, text_bytes=100)
        if any(level in running.last_words() for level in ("\terror\t", "\twarn\t")):
            raise Failure(f"a message without a queue is no longer lost in silence: mend docs/collector.md\n{running.last_words()}")
    say("  what is published to a queue that is missing is acknowledged, and nothing is logged")


def redaction_masks_text_alone(otelcol):
    masked = {kind: redacted(otelcol, all_types) for kind, all_types in (("text", "false"), ("all", "true"))}
    if masked != {"text": [True, False], "all": [True, True]}:
        raise Failure(f"the redaction processor masks otherwise than documented: {masked}")
    say("  redaction masks text alone unless redact_all_types is on")


def redacted(otelcol, all_types):
    """Whether a secret in text, and in a list of maps, is gone."""
    with ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="judged-losses.")))
        port = free_port()
        (folder / "collector.yaml").write_text(f"""
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "127.0.0.1:{port}" }} }} }} }}
processors: {{ redaction: {{ allow_all_keys: true, redact_all_types: {all_types}, blocked_values: ["4[0-9]{{15}}"] }} }}
exporters: {{ file: {{ path: {folder}/out.jsonl, flush_interval: 100ms }} }}
service: {{ pipelines: {{ traces: {{ receivers: [otlp], processors: [redaction], exporters: [file] }} }} }}
""")
        command = [otelcol, "--config", folder / "collector.yaml", "--set", "service::telemetry::metrics::level=none"]
        running = stack.enter_context(Process(command, folder / "collector.log", {}))
        url = f"http://127.0.0.1:{port}"
        wait_for(is_up(url), PATIENCE_SECONDS, running)
        made = traffic.span(traffic.identifier(16), None, "chat", {"text": f"card {SECRET}"})
        words = {"key": "content", "value": {"stringValue": f"card {SECRET}"}}
        message = {"kvlistValue": {"values": [words]}}
        made["attributes"].append({"key": "messages", "value": {"arrayValue": {"values": [message]}}})
        traffic.post(url, [made])
        running.stop()
        written = (folder / "out.jsonl").read_text().splitlines()[-1]
        span = json.loads(written)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        values = {item["key"]: json.dumps(item["value"]) for item in span["attributes"]}
        return [SECRET not in values[name] for name in ("text", "messages")]
