#!/usr/bin/env bash
# Question: do records with the same key (a trace id) reach the same partition whoever produces them?
# Guess: yes: the key decides, and every client promises the same hash of it.
# Seen: on one topic with 4 partitions confluent-kafka 2.16.1 (librdkafka) puts most of eight trace ids elsewhere than aiokafka
#   0.14.0 does. librdkafka's default is a CRC32 of the key; aiokafka follows the Java client's murmur2.
# Why it matters: where a Collector and an application (or two languages) write one topic keyed by trace id, a trace lies in two
#   partitions and is read by two consumers; whoever assembles traces in memory of one consumer sees halves. It takes
#   `partitioner=murmur2_random` on librdkafka's side, or an assembly that does not count on the key.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet confluent-kafka==2.16.1 aiokafka==0.14.0
cat >partitions.py <<'PY'
import asyncio
import sys

from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

TOPIC = "otlp_spans"
TRACES = [(bytes([byte]) * 16).hex() for byte in range(8)]


def by_librdkafka(**settings):
    """The mock cluster lives as long as its producer, so that this is returned too."""
    went = {}
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0, **settings})

    def delivered(_, record):
        went[record.key().decode()] = record.partition()

    for trace in TRACES:
        producer.produce(TOPIC, key=trace, value=b"span", on_delivery=delivered)
    producer.flush(20)
    return producer, [went[trace] for trace in TRACES]


async def by_aiokafka(address):
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    sent = [await producer.send_and_wait(TOPIC, key=trace.encode(), value=b"span") for trace in TRACES]
    await producer.stop()
    return [record.partition for record in sent]


cluster, librdkafka = by_librdkafka()
broker = next(iter(cluster.list_topics(timeout=10).brokers.values()))
aiokafka = asyncio.run(by_aiokafka(f"{broker.host}:{broker.port}"))
_, told = by_librdkafka(partitioner="murmur2_random")
print("confluent-kafka 2.16.1:                          ", *librdkafka)
print("aiokafka 0.14.0:                                 ", *aiokafka)
print("confluent-kafka with partitioner=murmur2_random: ", *told)
sys.exit(librdkafka == aiokafka or told != aiokafka)
PY
# librdkafka's mock cluster logs to standard error.
venv/bin/python partitions.py 2>partitions.log || { cat partitions.log >&2; echo "this has changed"; exit 1; }
