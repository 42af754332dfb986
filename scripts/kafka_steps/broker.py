"""A Kafka broker of its own: Apache's jars from Maven's repository, run by Java without containers."""

import os
import pathlib
import signal
import socket
import subprocess
import time

VERSION = "4.4.0"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "deployment"
PATIENCE_SECONDS = 60

PROJECT = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>judged</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{version}</version></dependency>
  </dependencies>
</project>
"""

# One node that is broker and controller. Internal topics have one replica, and segments are checked for retention each second.
SETTINGS = """process.roles=broker,controller
node.id=7
controller.quorum.voters=7@127.0.0.1:{controller}
controller.listener.names=CONTROL
listeners=CLIENTS://127.0.0.1:{port},CONTROL://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROL:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.enable=false
"""


def free_ports(number):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def libraries():
    """The folder of the jars; some seconds and 60 MB on the first run."""
    folder = BUILT / f"kafka-{VERSION}"
    done = folder / ".complete"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(PROJECT.format(version=VERSION))
        command = ["mvn", "-q", "-B", "-f", folder / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        subprocess.run(command, check=True)
        done.touch()
    return folder


class Broker:
    def __init__(self, folder):
        self.folder = folder / "kafka"
        self.folder.mkdir()
        self.port, controller = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        self.settings = self.folder / "server.properties"
        self.settings.write_text(SETTINGS.format(port=self.port, controller=controller, data=self.folder / "data"))
        self.process = None
        self.java("kafka.tools.StorageTool", "format", "-t", "anVkZ2VkLXRyaWFsLTAwMQ", "-c", self.settings)

    def command(self, *words, memory="128m"):
        # Without a logger there is nothing to configure.
        return ["java", f"-Xmx{memory}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{libraries()}/*", *map(str, words)]

    def java(self, *words, text=None):
        """The output of one of Kafka's own tools."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, input=text, timeout=PATIENCE_SECONDS)
        if done.returncode != 0:
            raise SystemExit(f"{words[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout

    def start(self):
        log = (self.folder / "broker.log").open("ab")
        self.process = subprocess.Popen(self.command("kafka.Kafka", self.settings, memory="256m"), stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE_SECONDS
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"the broker did not start; see {self.folder}/broker.log")
            time.sleep(0.2)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def create(self, topic, partitions, **settings):
        configs = [word for key, value in settings.items() for word in ("--config", f"{key.replace('_', '.')}={value}")]
        self.java(
            "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--create", "--topic", topic,
            "--partitions", partitions, *configs,
        )

    def publish(self, topic, lines):
        """Each line is a record."""
        self.java(
            "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", self.address, "--topic", topic,
            text="".join(f"{line}\n" for line in lines),
        )

    def remove_before(self, topic, offsets):
        """Removes the oldest records of partitions, as retention does."""
        file = self.folder / "remove.json"
        listed = ",".join(f'{{"topic":"{topic}","partition":{one},"offset":{offset}}}' for one, offset in offsets.items())
        file.write_text(f'{{"version":1,"partitions":[{listed}]}}')
        self.java(
            "org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", self.address, "--offset-json-file", file
        )

    def records(self, topic, number):
        """Records from the beginning, each with its headers."""
        return self.java(
            "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", self.address, "--topic", topic,
            "--from-beginning", "--max-messages", number, "--timeout-ms", 20000,
            "--formatter-property", "print.headers=true",
        )
