//! The numbers: agreement, quality, drift. Slices in, numbers out; no I/O, no clock, no randomness but a seeded one.
//!
//! Every function says what it does where its formula has no value: it returns the [`Reason`], never a NaN, a panic or
//! a convention. What a report shows is an [`Estimate`]: a number with its interval, or with the reason for none.
//!
//! | question | here |
//! |---|---|
//! | do judge and human agree? | [`AgreementTable`], [`kappa`], [`binary`], [`krippendorff`], [`PairGrid`] |
//! | how sure is that? | [`wilson`], [`clustered_share`], [`newcombe`], [`mod@bootstrap`] |
//! | are its probabilities what they say, and where should they be cut? | [`mod@calibration`], [`mod@threshold`] |
//! | could the judge replace an annotator? | [`alt_test`] |
//! | does the judge say the same again? | [`flip_rate`], [`icc`] |
//! | how good is the product, really? | [`ppi`], [`survey`] |
//! | has something moved? | [`e_detector`], [`paired`], [`distance`], [`two_sample`] |
//! | is one release better than another, at every look? | [`quality_difference`], [`judge_errors`], [`always_valid`] |
//! | in which of many segments? | [`multiplicity`] |
//! | because of the mix, or of the judge? | [`mix_decomposition`] |
//! | how many labels does that take? | [`planning`] |
//!
//! Reference values from scikit-learn, statsmodels, scipy, irrCAC and others are checked in
//! `statistics/tests/`, from `tests/vectors/stats_vectors.json`.

pub mod alt_test;
pub mod always_valid;
pub mod bca;
pub mod binary;
mod binomial;
pub mod bootstrap;
pub mod calibration;
pub mod change_point;
mod clustered;
mod confusion_matrix;
pub mod distance;
pub mod distribution;
pub mod e_detector;
pub mod judge_errors;
pub mod kappa;
pub mod krippendorff;
pub mod mix_decomposition;
pub mod multiplicity;
pub mod paired;
mod paired_scores;
pub mod planning;
pub mod ppi;
mod proportion;
pub mod quality_difference;
mod repeatability;
pub mod survey;
#[cfg(test)]
mod tests;
pub mod threshold;
pub mod two_sample;
mod union_find;

pub use crate::model::{Estimate, Interval, Reason};
pub use clustered::{ClusterShare, clustered_share};
pub use confusion_matrix::{AgreementTable, Weighting};
pub use paired_scores::PairGrid;
pub use proportion::{newcombe, proportion, wilson};
pub use repeatability::{flip_rate, icc};
pub use union_find::Groups;

/// The confidence level of every interval unless a caller says otherwise.
pub const CONFIDENCE: f64 = 0.95;
