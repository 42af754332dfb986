//! Many tests at once.

use serde_json::Value;

use super::{Computed, floats};
use crate::statistics::multiplicity::{benjamini_yekutieli, e_benjamini_hochberg};

pub(super) fn many_tests(input: &Value, name: &str) -> Computed {
    let flags = |flags: Vec<bool>| flags.into_iter().map(|flag| f64::from(u8::from(flag))).collect();
    let discoveries = || {
        let e = floats(input, "e");
        let least = e_benjamini_hochberg(e.iter().copied(), 1.0 / 0.05).unwrap();
        e.iter().map(|e| *e >= least).collect::<Vec<bool>>()
    };
    match name {
        "fdr_by" => Some(benjamini_yekutieli(&floats(input, "p"))),
        "fdr_by_reject" => Some(flags(benjamini_yekutieli(&floats(input, "p")).iter().map(|p| *p <= 0.05).collect())),
        "ebh_reject" => Some(flags(discoveries())),
        "ebh_rejected_indices" => {
            let discovered = discoveries().into_iter().enumerate().filter(|row| row.1);
            Some(discovered.map(|(index, _)| index as f64).collect())
        }
        _ => None,
    }
}
