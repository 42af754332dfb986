//! What a metric is: the description that people read, and the type of the instrument that records it.

use std::marker::PhantomData;

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use opentelemetry::{KeyValue, global};

use crate::conventions::OWN_NAME;

/// What is known of a metric.
#[derive(Debug, PartialEq)]
pub(crate) struct Description {
    /// The OpenTelemetry name.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The UCUM unit.
    pub(crate) unit: &'static str,
    pub(crate) labels: &'static [Label],
    /// What it says, in one sentence.
    pub(crate) help: &'static str,
    /// The upper bounds of a histogram's buckets.
    pub(crate) buckets: &'static [f64],
}

impl Description {
    /// The labels of every series: all values of the labels that have a list, with `given`, the values of those that users
    /// name.
    fn series(&self, given: &[KeyValue]) -> Vec<Vec<KeyValue>> {
        let mut series = vec![given.to_vec()];
        for label in self.labels.iter().filter(|label| !label.values.is_empty()) {
            let with = |labels: &Vec<KeyValue>| {
                let of = |value: &'static str| [labels.clone(), vec![KeyValue::new(label.name, value)]].concat();
                label.values.iter().copied().map(of).collect::<Vec<_>>()
            };
            series = series.iter().flat_map(with).collect();
        }
        series
    }
}

/// How values of a metric come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A label of a metric.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) name: &'static str,
    /// All values that it has; none where users name them.
    pub(crate) values: &'static [&'static str],
}

/// A metric that an `I` records.
pub(crate) struct Metric<I> {
    pub(crate) description: Description,
    recorded_by: PhantomData<fn() -> I>,
}

impl<I: Instrument> Metric<I> {
    pub(super) const fn new(
        name: &'static str,
        unit: &'static str,
        labels: &'static [Label],
        help: &'static str,
        buckets: &'static [f64],
    ) -> Self {
        let description = Description { name, kind: I::KIND, unit, labels, help, buckets };
        Self { description, recorded_by: PhantomData }
    }

    /// The instrument, of the process's meter.
    pub(crate) fn instrument(&self) -> I {
        I::build(&global::meter(OWN_NAME), &self.description)
    }
}

impl Metric<Counter<u64>> {
    /// Makes every series with the labels `given` exist: a counter that is born at its first value never rose.
    pub(crate) fn start_at_zero(&self, counter: &Counter<u64>, given: &[KeyValue]) {
        for labels in self.description.series(given) {
            counter.add(0, &labels);
        }
    }
}

impl Metric<Counter<f64>> {
    /// The same for a counter of fractions.
    pub(crate) fn start_at_zero(&self, counter: &Counter<f64>, given: &[KeyValue]) {
        for labels in self.description.series(given) {
            counter.add(0.0, &labels);
        }
    }
}

/// What records values.
pub(crate) trait Instrument {
    const KIND: Kind;

    fn build(meter: &Meter, description: &Description) -> Self;
}

macro_rules! instruments {
    ($($instrument:ty: $kind:ident, $builder:ident $(, $buckets:ident)?;)*) => {
        $(impl Instrument for $instrument {
            const KIND: Kind = Kind::$kind;

            fn build(meter: &Meter, description: &Description) -> Self {
                meter
                    .$builder(description.name)
                    .with_unit(description.unit)
                    .with_description(description.help)
                    $(.$buckets(description.buckets.to_vec()))?
                    .build()
            }
        })*
    };
}

instruments! {
    Counter<u64>: Counter, u64_counter;
    Counter<f64>: Counter, f64_counter;
    Gauge<u64>: Gauge, u64_gauge;
    Gauge<f64>: Gauge, f64_gauge;
    Histogram<u64>: Histogram, u64_histogram, with_boundaries;
    Histogram<f64>: Histogram, f64_histogram, with_boundaries;
}

#[cfg(test)]
mod tests {
    use super::super::metric_list;

    #[test]
    fn a_metric_has_a_series_for_every_combination_of_known_values() {
        let sink = opentelemetry::KeyValue::new("sink", "otel");
        let series = metric_list::DELIVERIES.description.series(std::slice::from_ref(&sink));
        let results: Vec<String> = series.iter().map(|labels| labels[1].value.to_string()).collect();
        assert_eq!(results, ["sent", "retry", "given_up"]);
        assert!(series.iter().all(|labels| labels[0] == sink));
        assert_eq!(metric_list::INTAKE_RECORDS.description.series(&[]).len(), 10);
        assert_eq!(metric_list::LEDGER_BALANCED.description.series(&[]), [Vec::new()]);
    }
}
