"""Processes that a step starts and ends, and the wait for what they do."""

import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from .common import ROOT, Failure, run


class Process:
    """A process in the folder of its log; ended at the end of the block."""

    def __init__(self, command, log, environment):
        self.command, self.log, self.environment = [str(word) for word in command], pathlib.Path(log), environment

    def __enter__(self):
        with self.log.open("w") as log:
            self.started = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.log.parent, env={**os.environ, **self.environment}
            )
        return self

    def __exit__(self, *_):
        self.stop()

    def has_ended(self):
        return self.started.poll() is not None

    def stop(self):
        if not self.has_ended():
            self.started.send_signal(signal.SIGTERM)
            try:
                self.started.wait(60)
            except subprocess.TimeoutExpired:
                self.started.kill()
                self.started.wait()

    def last_words(self):
        return "\n".join(self.log.read_text().splitlines()[-15:])


def wait_for(condition, seconds, *processes):
    """Until it holds; fails when a process ends, or it takes too long."""
    until = time.monotonic() + seconds
    while not condition():
        for process in processes:
            if process.has_ended():
                raise Failure(f"{process.command[0]} ended:\n{process.last_words()}")
        if time.monotonic() > until:
            raise Failure(f"not within {seconds} s")
        time.sleep(0.5)


@contextmanager
def broker(folder):
    """The address of a RabbitMQ of its own, because the queues have the names of production."""
    # A value for the database, so that none is started.
    environment = {**os.environ, "JUDGED_TEST_POSTGRES_URL": "not needed"}
    environment.pop("JUDGED_TEST_AMQP_URL", None)
    services = folder / "services"
    printed = run([ROOT / "scripts/services", "start", services], env=environment)
    try:
        yield next(line.split("=", 1)[1] for line in printed.splitlines() if "JUDGED_TEST_AMQP_URL=" in line)
    finally:
        run([ROOT / "scripts/services", "stop", services], env=environment)


def send(url, signal, line):
    request = urllib.request.Request(f"{url}/v1/{signal}", line.encode(), {"content-type": "application/json"})
    return urllib.request.urlopen(request, timeout=60).read()


def is_up(url):
    """Whether a receiver takes an empty request."""

    def asked():
        try:
            return bool(send(url, "traces", "{}"))
        except (urllib.error.URLError, ConnectionError):
            return False

    return asked
