//! The numbers: agreement, quality, drift. Slices in, numbers out; no I/O, no clock, no randomness but a seeded one.
//!
//! Every function says what it does where its formula has no value: it returns the [`Reason`], never a NaN, a panic or
//! a convention. What a report shows is an [`Estimate`]: a number with its interval, or with the reason for none.
//!
//! | question | here |
//! |---|---|
//! | do judge and human agree? | [`AgreementTable`], [`kappa`], [`binary`], [`krippendorff`], [`PairGrid`] |
//! | how sure is that? | [`wilson`], [`newcombe`], [`mod@bootstrap`] |
//! | could the judge replace an annotator? | [`alt_test`] |
//! | how good is the product, really? | [`ppi`], [`survey`], [`rogan_gladen`](mod@rogan_gladen) |
//! | has something moved? | [`betting`], [`confidence_sequence`], [`page_hinkley`], [`paired`], [`distance`], [`two_sample`] |
//! | in which of many segments? | [`multiplicity`], [`online_fdr`] |
//! | because of the mix, or of the judge? | [`mix`] |
//! | how many labels does that take? | [`planning`] |
//!
//! Reference values from scikit-learn, statsmodels, scipy, irrCAC and others are checked in
//! `statistics/tests/`, from `tests/vectors/stats_vectors.json`.

pub mod alt_test;
pub mod bca;
pub mod binary;
mod binomial;
pub mod bootstrap;
pub mod confidence_sequence;
mod confusion_matrix;
pub mod distance;
pub mod distribution;
pub mod e_detector;
mod estimate;
pub mod icc;
pub mod kappa;
pub mod krippendorff;
pub mod mix_decomposition;
pub mod multiplicity;
pub mod online_fdr;
pub mod page_hinkley;
pub mod paired;
mod paired_scores;
pub mod planning;
pub mod ppi;
pub mod ppi_designs;
mod proportion;
pub mod rogan_gladen;
pub mod survey;
#[cfg(test)]
mod tests;
pub mod two_sample;

pub use confusion_matrix::{AgreementTable, Weighting};
pub use estimate::{CONFIDENCE, Estimate, Interval, Reason};
pub use paired_scores::PairGrid;
pub use proportion::{newcombe, proportion, proportion_difference, wilson};
