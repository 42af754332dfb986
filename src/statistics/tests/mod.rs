//! `crate::statistics` against reference values of the libraries that statisticians trust.
//!
//! Every value in `tests/vectors/stats_vectors.json` is either computed and compared, or listed in [`exceptions`] with
//! the reason why not. A name that is in neither place fails the test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the file under test is our own")]
#![allow(clippy::unnecessary_wraps, reason = "every evaluator answers with an option")]

mod cases;
mod exceptions;
mod many_tests;
mod releases;

use std::collections::BTreeSet;

use exceptions::{DIFFERS, Policy, UNCOVERED};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../tests/vectors/stats_vectors.json");

/// What the product says: numbers (NaN where it gives a reason instead), or nothing because it has no such function.
type Computed = Option<Vec<f64>>;

#[test]
fn every_reference_value_holds_or_is_excused() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut held, mut failures, mut used) = (0, Vec::new(), BTreeSet::new());
    for case in vectors["cases"].as_array().unwrap() {
        let (id, group) = (case["id"].as_str().unwrap(), case["group"].as_str().unwrap());
        for (name, expected) in case["expected"].as_object().unwrap() {
            let place = format!("{id}.{name}");
            if let Some(&(_, _, policy, _)) = DIFFERS.iter().find(|row| (row.0, row.1) == (id, name)) {
                used.insert(place.clone());
                check_policy(&place, compute(case, name), policy, &mut failures);
                continue;
            }
            let excused = UNCOVERED.iter().any(|(g, n, _)| *g == group && n.contains(&name.as_str()));
            match compute(case, name) {
                None if excused => {}
                None => failures.push(format!("{place}: not covered and not listed as uncovered")),
                Some(_) if excused => failures.push(format!("{place}: listed as uncovered, but covered")),
                Some(computed) => match compare(&computed, &numbers(&expected["value"])) {
                    Ok(()) => held += 1,
                    Err(difference) => failures.push(format!("{place}: {difference}")),
                },
            }
        }
    }
    for (id, name, ..) in DIFFERS {
        if !used.contains(&format!("{id}.{name}")) {
            failures.push(format!("{id}.{name}: an exception for a value that does not exist"));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert!(held >= 483, "only {held} values were compared");
}

fn compute(case: &Value, name: &str) -> Computed {
    let input = &case["input"];
    match case["group"].as_str()? {
        "two_rater" => cases::two_rater(input, name),
        "design_weighted_two_rater" => cases::weighted_two_rater(input, name),
        "multi_rater" => cases::multi_rater(input, name),
        "numeric" => cases::numeric(input, name),
        "proportion_ci" => cases::proportion(input, name),
        "two_proportions" => cases::two_proportions(input, name),
        "paired_table" => cases::paired(input, name),
        "distribution_drift" => cases::two_samples(input, name),
        "histogram_drift" => cases::histograms(input, name),
        "multiple_testing" | "e_values" => many_tests::many_tests(input, name),
        "ppi" => cases::prediction_powered(input, name),
        "bca" => cases::bca(input, name),
        "design_weighted" => cases::survey(input, name),
        _ => None,
    }
}

fn check_policy(place: &str, computed: Computed, policy: Policy, failures: &mut Vec<String>) {
    let computed = computed.unwrap_or_default();
    let wanted = match policy {
        Policy::Undefined => vec![f64::NAN; computed.len().max(1)],
        Policy::Values(values) => values.to_vec(),
    };
    if let Err(difference) = compare(&computed, &wanted) {
        failures.push(format!("{place}: policy: {difference}"));
    }
}

fn compare(computed: &[f64], expected: &[f64]) -> Result<(), String> {
    let close =
        |(a, b): (&f64, &f64)| (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= f64::max(1e-10, 1e-9 * b.abs());
    if computed.len() == expected.len() && computed.iter().zip(expected).all(close) {
        Ok(())
    } else {
        Err(format!("computed {computed:?}, expected {expected:?}"))
    }
}

/// A reference value, whatever its shape, as a flat list; null (the library raised) and "NaN" as NaN.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Null => vec![f64::NAN],
        Value::Bool(flag) => vec![f64::from(u8::from(*flag))],
        Value::Number(number) => vec![number.as_f64().unwrap()],
        Value::String(text) => vec![text.replace("Infinity", "inf").parse().unwrap()],
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(_) => panic!("no reference value is an object"),
    }
}

/// One number or its absence.
fn one<E>(value: Result<f64, E>) -> Computed {
    Some(vec![value.unwrap_or(f64::NAN)])
}

/// Numbers of an input field.
fn floats(input: &Value, field: &str) -> Vec<f64> {
    numbers(&input[field])
}

/// Whole numbers of an input field.
fn indices(input: &Value, field: &str) -> Vec<usize> {
    input[field].as_array().unwrap().iter().map(|value| value.as_u64().unwrap() as usize).collect()
}
