"""One configuration of judged over one database, and the commands of any release with it."""

import atexit
import json
import re
import signal
import socket
import subprocess
import time

from .common import fail, free_port, run

PATIENCE_SECONDS = 120
CONFIG = """
[store]
url = "{store}"
[intake.otlp]
http = "127.0.0.1:{intake}"
grpc = "off"
[web]
listen = "127.0.0.1:{web}"
[sampling]
rate = 0.5
[[sampling.rules]]
match = {{ "service.name" = ["always-judged"] }}
rate = 1.0
[assembly]
settle = "500ms"
max_wait = "2s"
[[sinks]]
name = "sink"
type = "otlp"
endpoint = "http://127.0.0.1:{sink}"
"""


class Judged:
    """One configuration over one database, and the commands of any binary with it."""

    def __init__(self, folder, database, sink):
        self.folder, self.database, self.sink = folder, database, sink
        self.sampled_out = 0
        self.intake = free_port()
        self.worker = None
        self.config = folder / f"{len(list(folder.glob('*.toml')))}.toml"
        self.config.write_text(
            CONFIG.format(store=database.url, intake=self.intake, web=free_port(), sink=sink.server_address[1])
        )

    def say(self, binary, *arguments):
        return run([binary, "--config", self.config, *arguments], cwd=self.folder)

    def ledger(self, binary):
        return json.loads(self.say(binary, "ledger", "--format", "json"))

    def scores(self, binary):
        rows = [json.loads(line) for line in self.say(binary, "export").splitlines()]
        return {row["evaluation_id"]: row for row in rows}

    def labels(self, binary):
        return sorted((json.loads(line) for line in self.say(binary, "labels", "export").splitlines()), key=json.dumps)

    def tags(self, trace_id):
        """What stands in the place of the address in the stored spans of a trace."""
        bodies = self.database.bodies(trace_id)
        return {tag for (body,) in bodies for tag in re.findall(rb"<EMAIL_[a-z]+>", body)}

    def start(self, binary):
        log = open(self.folder / "worker.log", "ab")
        self.worker = subprocess.Popen([binary, "--config", self.config, "run"], cwd=self.folder, stdout=log, stderr=log)
        # A check that fails ends the script and leaves no worker behind; one that has ended is not touched.
        atexit.register(self.worker.kill)
        self.wait("the intake listens", self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.intake)) == 0

    def stop(self):
        self.worker.send_signal(signal.SIGTERM)
        if self.worker.wait(timeout=60) != 0:
            fail(f"the worker ended with {self.worker.returncode}: {self.folder / 'worker.log'}")

    def wait(self, what, holds):
        end = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if self.worker.poll() is not None or time.monotonic() > end:
                self.worker.kill()
                fail(f"{what}: not within {PATIENCE_SECONDS} s; the end of the log:\n{self.last_lines()}")
            time.sleep(0.2)

    def last_lines(self):
        return "\n".join((self.folder / "worker.log").read_text().splitlines()[-8:])

    def replay(self, binary, requests):
        file = self.folder / "requests.jsonl"
        file.write_text("".join(json.dumps(request) + "\n" for request in requests))
        self.say(binary, "replay", "--to", f"http://127.0.0.1:{self.intake}", str(file))

    def settle(self, binary):
        """Waits until the ledger has nothing open and has stood still for longer than a trace waits to be complete."""
        seen = {"ledger": None, "since": 0.0}

        def settled():
            ledger = self.ledger(binary)
            if ledger != seen["ledger"]:
                seen.update(ledger=ledger, since=time.monotonic())
            pending = sum(rubric["pending"] for rubric in ledger["rubrics"])
            owed = sum(sink["owed"] for sink in ledger["deliveries"].values())
            return ledger["balanced"] and pending == 0 and owed == 0 and time.monotonic() - seen["since"] > 5

        self.wait("everything is judged and delivered", settled)
