"""A judged over one database: its service, and its commands with what they took."""

import http.client
import os
import signal
import subprocess
import time

from upgrade_steps.common import fail, free_port

CONFIG = """
[store]
url = "{store}"
[intake.otlp]
http = "127.0.0.1:{intake}"
grpc = "off"
[web]
listen = "127.0.0.1:{web}"
[rubrics]
dir = "none"
[sampling]
rate = {rate}
[assembly]
settle = "{settle}"
{judge}
[[sinks]]
name = "otel"
type = "otlp"
endpoint = "http://127.0.0.1:9"
"""
# Nothing waits to be judged, so that nobody is asked.
REMOTE_JUDGE = """[judges.default]
provider = "openai"
model = "judge-model-1"
base_url = "http://127.0.0.1:9"
"""
TICKS = os.sysconf("SC_CLK_TCK")


class Worker:
    def __init__(self, binary, folder, database, judge=REMOTE_JUDGE, rate=0.15, settle="10s"):
        self.binary, self.folder = binary, folder
        self.web, self.intake = free_port(), free_port()
        self.config = folder / f"{self.web}.toml"
        self.config.write_text(
            CONFIG.format(store=database.url, intake=self.intake, web=self.web, judge=judge, rate=rate, settle=settle)
        )
        self.process = None

    def start(self, *arguments):
        """Starts the service; returns the seconds until it was ready."""
        log = open(self.folder / "worker.log", "ab")
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [self.binary, "--config", self.config, "run", *arguments], cwd=self.folder, stdout=log, stderr=log
        )
        while self.get("/readyz")[0] != 200:
            if self.process.poll() is not None or time.monotonic() - begin > 600:
                fail(f"judged run does not become ready; the log is {self.folder / 'worker.log'}")
            time.sleep(0.005)
        return time.monotonic() - begin

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def get(self, path):
        """Status, body and seconds of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=600)
        begin = time.monotonic()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(), time.monotonic() - begin
        except OSError:
            return 0, b"", 0.0
        finally:
            connection.close()

    def post(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.intake, timeout=120)
        connection.request("POST", "/v1/traces", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            fail(f"the intake answered {answer.status}: {answer.read()[:200]}")
        connection.close()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

    def command(self, *arguments):
        """Wall seconds, processor seconds and the most MiB that a command held."""
        begin = time.monotonic()
        with open(self.folder / "command.log", "ab") as log:
            process = subprocess.Popen(
                [self.binary, "--config", self.config, *arguments], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=log
            )
            _, status, used = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 3):
            fail(f"judged {' '.join(arguments)} failed; see {self.folder / 'command.log'}")
        return time.monotonic() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
