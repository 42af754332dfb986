//! judged, itself observed: logs on standard error, metrics for Prometheus, and all signals over OTLP when configured.

mod instruments;
pub(crate) mod metric;
pub(crate) mod metric_list;
#[cfg(test)]
pub(crate) mod tests;

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use instruments::{FinishedEvaluation, Metrics, StoreGauges};

use crate::config::telemetry::{LogFormat, OtlpProtocol, TelemetryConfig};
use crate::conventions::OWN_NAME;

/// The semantic conventions that judged's own telemetry follows.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.41.1";

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A filter that is none.
    #[error("telemetry.log: `{filter}` is no log filter; write a level such as `info`, or `info,judged::judges=debug`")]
    Filter {
        /// What was configured.
        filter: String,
        /// Why it is none.
        source: tracing_subscriber::filter::ParseError,
    },
    /// A word that is no level.
    #[error("telemetry.log: `{word}` in `{filter}` is no level; write error, warn, info, debug, trace or off")]
    Level {
        /// What was configured.
        filter: String,
        word: String,
    },
    /// An exporter that cannot be built.
    #[error("telemetry.otlp_endpoint: cannot export to {endpoint}: {message}")]
    Exporter {
        /// Where to.
        endpoint: String,
        /// Why not.
        message: String,
    },
    /// The subscriber was installed before.
    #[error("telemetry was set up twice in one process")]
    Twice,
}

/// The running telemetry. [`Telemetry::shutdown`] flushes it.
pub struct Telemetry {
    registry: Registry,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets logs, metrics and, when configured, export up for the process.
    pub fn start(config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        let instance = uuid::Uuid::now_v7().to_string();
        let meters = meter_provider(config, &registry, &instance)?;
        global::set_meter_provider(meters.clone());
        global::set_text_map_propagator(TraceContextPropagator::new());
        let tracers = tracer_provider(config, &instance)?;
        subscribe(config, tracers.as_ref())?;
        Ok(Self { registry, meters, tracers })
    }

    /// All metrics in Prometheus' text format.
    pub fn prometheus_text(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::warn!(%error, "metrics cannot be written");
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Sends what has not been sent yet. Errors are logged: there is nobody left to handle them.
    pub fn shutdown(&self) {
        if let Some(tracers) = &self.tracers
            && let Err(error) = tracers.shutdown()
        {
            tracing::debug!(%error, "own spans were not all sent");
        }
        if let Err(error) = self.meters.shutdown() {
            tracing::debug!(%error, "own metrics were not all sent");
        }
    }
}

/// Says who emits: without an instance, several processes would write one series.
fn resource(instance: &str) -> Resource {
    Resource::builder()
        .with_service_name(OWN_NAME)
        .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
        .with_schema_url([KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))], SCHEMA_URL)
        .build()
}

fn meter_provider(
    config: &TelemetryConfig,
    registry: &Registry,
    instance: &str,
) -> Result<SdkMeterProvider, TelemetryError> {
    let failed = |message: String| exporter_error(config, message);
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .without_target_info()
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let builder = SdkMeterProvider::builder().with_resource(resource(instance)).with_reader(reader);
    let Some(endpoint) = config.otlp_endpoint.as_ref().filter(|_| config.otlp_metrics) else {
        return Ok(builder.build());
    };
    let exporter = match config.otlp_protocol {
        OtlpProtocol::Grpc => MetricExporter::builder().with_tonic().with_endpoint(endpoint).build(),
        OtlpProtocol::HttpProtobuf => {
            MetricExporter::builder().with_http().with_endpoint(signal_url(endpoint, "metrics")).build()
        }
    };
    Ok(builder.with_periodic_exporter(exporter.map_err(|error| failed(error.to_string()))?).build())
}

fn tracer_provider(config: &TelemetryConfig, instance: &str) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    let Some(endpoint) = config.otlp_endpoint.as_ref().filter(|_| config.otlp_traces) else { return Ok(None) };
    let exporter = match config.otlp_protocol {
        OtlpProtocol::Grpc => SpanExporter::builder().with_tonic().with_endpoint(endpoint).build(),
        OtlpProtocol::HttpProtobuf => {
            SpanExporter::builder().with_http().with_endpoint(signal_url(endpoint, "traces")).build()
        }
    };
    let exporter = exporter.map_err(|error| exporter_error(config, error.to_string()))?;
    Ok(Some(SdkTracerProvider::builder().with_resource(resource(instance)).with_batch_exporter(exporter).build()))
}

fn signal_url(endpoint: &str, signal: &str) -> String {
    format!("{}/v1/{signal}", endpoint.trim_end_matches('/'))
}

fn exporter_error(config: &TelemetryConfig, message: String) -> TelemetryError {
    TelemetryError::Exporter { endpoint: config.otlp_endpoint.clone().unwrap_or_default(), message }
}

/// A bare word in a filter is a level or the name of a crate; of other crates nobody wants to see nothing but their lines.
fn is_misspelt_level(word: &str) -> bool {
    let known = word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok() || word.starts_with(OWN_NAME);
    !known && !word.contains(['=', '[', ':'])
}

fn subscribe(config: &TelemetryConfig, tracers: Option<&SdkTracerProvider>) -> Result<(), TelemetryError> {
    if let Some(word) = config.log.split(',').map(str::trim).find(|word| is_misspelt_level(word)) {
        return Err(TelemetryError::Level { filter: config.log.clone(), word: word.to_owned() });
    }
    // lapin reports as errors what judged handles and says better: a queue that is yet to be declared, a channel closed.
    let quiet = if config.log.contains("lapin") { "" } else { ",lapin=off" };
    let filter = EnvFilter::try_new(format!("{}{quiet}", config.log))
        .map_err(|source| TelemetryError::Filter { filter: config.log.clone(), source })?;
    let human = match config.log_format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if human {
        lines.with_target(false).compact().boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).boxed()
    };
    let spans = tracers.map(|tracers| tracing_opentelemetry::layer().with_tracer(tracers.tracer(OWN_NAME)));
    tracing_subscriber::registry().with(filter).with(lines).with(spans).try_init().map_err(|_| TelemetryError::Twice)
}

/// The W3C trace context of the current span, to hand on with an outgoing call; `None` when nothing is traced.
pub fn traceparent() -> Option<String> {
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    let context = tracing::Span::current().context();
    let mut carrier = std::collections::HashMap::new();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut carrier));
    carrier.remove("traceparent")
}
