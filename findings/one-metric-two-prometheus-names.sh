#!/usr/bin/env bash
# Question: do OpenTelemetry's Prometheus exporters give one metric one name, whichever language the service is written in?
# Guess: yes: the mapping from OpenTelemetry to Prometheus is specified, unit suffix included.
# Seen: opentelemetry-exporter-prometheus 0.66b2 (Python) adds the unit to the name of the conventions' duration histogram
#   (…_duration_seconds) and writes bounds as floats (le="5.0"); @opentelemetry/exporter-prometheus 0.208.0 (JavaScript) adds no
#   unit and writes le="5".
# Why it matters: a dashboard or an alert on gen_ai_client_operation_duration_seconds is silent about every JavaScript service, and
#   a query that names a bucket finds those of one language.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet opentelemetry-exporter-prometheus==0.66b2
cat >scrape.py <<'PY'
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, generate_latest

meter = MeterProvider(metric_readers=[PrometheusMetricReader()]).get_meter("finding")
meter.create_histogram("gen_ai.client.operation.duration", unit="s").record(3)
meter.create_counter("gen_ai.client.cost", unit="USD").add(1)
scraped = generate_latest(REGISTRY).decode().splitlines()
print(*(line.split()[2] for line in scraped if line.startswith("# TYPE gen_ai")), end=" ")
print(*("le=5" if 'le="5"' in line else "le=5.0" for line in scraped if 'le="5"' in line or 'le="5.0"' in line))
PY
python_saw=$(venv/bin/python scrape.py)

npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/api@1.9.0 @opentelemetry/sdk-metrics@2.2.0 \
  @opentelemetry/exporter-prometheus@0.208.0 >/dev/null
cat >scrape.js <<'JS'
const { MeterProvider } = require('@opentelemetry/sdk-metrics');
const { PrometheusExporter, PrometheusSerializer } = require('@opentelemetry/exporter-prometheus');
(async () => {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const meter = new MeterProvider({ readers: [reader] }).getMeter('finding');
  meter.createHistogram('gen_ai.client.operation.duration', { unit: 's' }).record(3);
  meter.createCounter('gen_ai.client.cost', { unit: 'USD' }).add(1);
  const { resourceMetrics } = await reader.collect();
  const scraped = new PrometheusSerializer().serialize(resourceMetrics).split('\n');
  const names = scraped.filter(line => line.startsWith('# TYPE gen_ai')).map(line => line.split(' ')[2]);
  const bounds = scraped.filter(line => /le="5(\.0)?"/.test(line)).map(line => (line.includes('le="5"') ? 'le=5' : 'le=5.0'));
  console.log([...names, ...bounds].join(' '));
})();
JS
javascript_saw=$(node scrape.js)

echo "opentelemetry-exporter-prometheus 0.66b2: $python_saw"
echo "@opentelemetry/exporter-prometheus 0.208.0: $javascript_saw"
[ "$python_saw" = "gen_ai_client_operation_duration_seconds gen_ai_client_cost_USD_total le=5.0" ] &&
  [ "$javascript_saw" = "gen_ai_client_operation_duration gen_ai_client_cost_total le=5" ] || { echo "this has changed"; exit 1; }
