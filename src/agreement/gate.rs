//! Which coefficient may have which interval: a number without an honest one shows the reason instead.

use crate::statistics::survey::MIN_EFFECTIVE;
use crate::statistics::{AgreementTable, Estimate, Interval, Reason, proportion};

use super::coefficient::{Coefficient, Family, View};
use super::compare::Pair;
use super::scale::{Kind, LabelScale};

/// Pairs that a resampled interval of a chance-corrected coefficient needs.
const MIN_PAIRS: usize = 100;
/// Human labels outside the commonest class that it needs.
const MIN_MINORITY: usize = 10;
/// Pairs that a resampled interval of other coefficients needs.
pub(super) const MIN_RESAMPLED: usize = 30;
/// Clusters that any interval over clustered items needs.
const MIN_CLUSTERS: usize = 20;

/// What decides which intervals may be shown.
pub(super) struct Facts {
    pairs: usize,
    pub(super) effective: f64,
    weighted: bool,
    pub(super) clusters: Option<usize>,
    minority: usize,
    constant: Option<Reason>,
    perfect: bool,
    /// Unweighted counts, row-major.
    pub(super) counts: Vec<Vec<u64>>,
}

impl Facts {
    pub(super) fn of(scale: &LabelScale, pairs: &[Pair], table: &AgreementTable, effective: Option<f64>) -> Self {
        let q = scale.values().len();
        let mut counts = vec![vec![0; q]; q];
        if scale.kind() != Kind::Numeric {
            for pair in pairs {
                counts[pair.human.category][pair.judge.category] += 1;
            }
        }
        let modal = counts.iter().map(|row| row.iter().sum::<u64>()).max().unwrap_or(0) as usize;
        let mut clusters: Vec<usize> = pairs.iter().filter_map(|pair| pair.cluster).collect();
        clusters.sort_unstable();
        clusters.dedup();
        let numeric = scale.kind() == Kind::Numeric;
        Self {
            pairs: pairs.len(),
            effective: effective.unwrap_or(pairs.len() as f64),
            weighted: effective.is_some(),
            clusters: (!clusters.is_empty()).then_some(clusters.len()),
            minority: if numeric { pairs.len() } else { pairs.len() - modal },
            constant: table.constant_side(),
            perfect: pairs.iter().all(|pair| pair.human.number == pair.judge.number),
            counts,
        }
    }

    pub(super) fn estimate(
        &self,
        view: &View<'_>,
        coefficient: Coefficient,
        resampled: Result<Interval, Reason>,
    ) -> Estimate {
        let value = match view.value(coefficient) {
            _ if self.pairs == 0 => return Reason::NoPairs.into(),
            Err(reason) => return reason.into(),
            Ok(value) => Ok(value),
        };
        if let Err(reason) = self.gate(coefficient) {
            return Estimate::new(value, Err(reason));
        }
        match coefficient {
            _ if coefficient.family() != Family::Proportion || self.clusters.is_some() => {
                Estimate::new(value, resampled)
            }
            Coefficient::RawAgreement => proportion(view.table.agreed(), view.table.total()),
            rate => view.proportion(rate),
        }
    }

    /// Why this coefficient may have no interval here, whatever resampling says.
    fn gate(&self, coefficient: Coefficient) -> Result<(), Reason> {
        let family = coefficient.family();
        let kappa = matches!(
            coefficient,
            Coefficient::CohenKappa | Coefficient::WeightedKappaLinear | Coefficient::WeightedKappaQuadratic
        );
        match self.constant {
            Some(reason) if kappa => return Err(reason),
            _ => {}
        }
        let few_clusters = self.clusters.is_some_and(|clusters| clusters < MIN_CLUSTERS);
        match family {
            Family::ChanceCorrected | Family::Metric if self.perfect && coefficient.is_1_at_best() => {
                Err(Reason::PerfectAgreement)
            }
            _ if self.weighted && self.effective < MIN_EFFECTIVE => Err(Reason::FewEffective),
            _ if few_clusters => Err(Reason::TooFew),
            Family::ChanceCorrected if self.pairs < MIN_PAIRS || self.minority < MIN_MINORITY => Err(Reason::Thin),
            Family::Metric if self.pairs < MIN_RESAMPLED => Err(Reason::TooFew),
            _ => Ok(()),
        }
    }

    /// A proportion of a part of the table, which no resampling covers.
    pub(super) fn part(&self, estimate: Estimate) -> Estimate {
        match estimate.value() {
            Some(value) if self.clusters.is_some() => Estimate::Bare(value, Reason::Clustered),
            Some(value) if self.weighted && self.effective < MIN_EFFECTIVE => {
                Estimate::Bare(value, Reason::FewEffective)
            }
            _ => estimate,
        }
    }
}
