//! How far a judge agrees with humans, and what that stands beside: the majority class and the baseline judge.

use std::collections::BTreeMap;

use super::calibration;
use super::data::{AgreementReport, BaselineReport, Confusion, MajorityClass, PassFailAgreement, ScaleAgreement};
use super::pairing::Pairs;
use crate::agreement::{
    Coefficient, Comparison, Kind, Observation, ScaleReader, Verdict, advantage, by_place, by_side,
};
use crate::model::{Scale, SubjectId};
use crate::statistics::bootstrap::Plan;
use crate::store::ScoredEvaluation;

/// What is said of pass and fail.
const OF_SIDES: [Coefficient; 5] =
    [Coefficient::RawAgreement, Coefficient::Tpr, Coefficient::Tnr, Coefficient::CohenKappa, Coefficient::GwetAc1];

/// The baseline's evaluations, by subject.
pub(super) type Baseline<'a> = Option<(&'a str, BTreeMap<SubjectId, &'a ScoredEvaluation>)>;

/// Everything about the agreement of one series with one group of labels.
pub(super) fn report(
    pairs: &Pairs<'_>,
    (scale, reader): (Option<&Scale>, &ScaleReader),
    baseline: &Baseline<'_>,
) -> AgreementReport {
    let plan = Plan::default();
    let kappa = match reader.levels().kind() {
        Kind::Ordinal | Kind::Numeric => Coefficient::WeightedKappaQuadratic,
        Kind::Nominal | Kind::Binary => Coefficient::CohenKappa,
    };
    let of_levels =
        [Coefficient::RawAgreement, kappa, Coefficient::KrippendorffAlpha, Coefficient::Bias, Coefficient::Mae];
    let sides = reader.has_threshold().then(|| by_side(&pairs.observations, &plan, &OF_SIDES));
    let levels = (reader.levels().kind() != Kind::Binary)
        .then(|| by_place(reader.levels(), &pairs.observations, &plan, &of_levels));
    let main = sides.as_ref().or(levels.as_ref());
    AgreementReport {
        items: main.map_or(0, |comparison| comparison.pairs as u64),
        effective: main.map_or(0.0, |comparison| comparison.effective_pairs),
        ties: pairs.ties,
        off_scale: pairs.off_scale,
        unweighable: pairs.unweighable,
        confusion: confusion(levels.as_ref().into_iter().chain(&sides)),
        majority_class: main.and_then(majority_class),
        baseline: against_baseline(pairs, reader, baseline, &plan),
        pass_fail: sides.as_ref().map(pass_fail),
        on_scale: levels.as_ref().map(|comparison| on_scale(comparison, kappa)),
        calibration: scale.and_then(|scale| calibration::report(pairs, scale)),
    }
}

fn pass_fail(sides: &Comparison) -> PassFailAgreement {
    let get = |coefficient| sides.coefficients.get(coefficient);
    let cell = |human: bool, judge: bool| -> u64 {
        let counts = sides.confusion.as_ref().map(|confusion| &confusion.counts);
        counts.map_or(0, |counts| counts[usize::from(human)][usize::from(judge)])
    };
    PassFailAgreement {
        raw_agreement: get(Coefficient::RawAgreement),
        tpr: get(Coefficient::Tpr),
        tnr: get(Coefficient::Tnr),
        cohen_kappa: get(Coefficient::CohenKappa),
        gwet_ac1: get(Coefficient::GwetAc1),
        good: cell(true, false) + cell(true, true),
        bad: cell(false, false) + cell(false, true),
        missed: cell(false, true),
        false_alarms: cell(true, false),
    }
}

fn on_scale(levels: &Comparison, kappa: Coefficient) -> ScaleAgreement {
    let get = |coefficient| levels.coefficients.get(coefficient);
    ScaleAgreement {
        raw_agreement: get(Coefficient::RawAgreement),
        kappa: get(kappa),
        krippendorff_alpha: get(Coefficient::KrippendorffAlpha),
        bias: get(Coefficient::Bias),
        mae: get(Coefficient::Mae),
    }
}

/// Of the first comparison that has categories.
fn confusion<'a>(mut comparisons: impl Iterator<Item = &'a Comparison>) -> Option<Confusion> {
    let confusion = comparisons.find_map(|comparison| {
        let pairs = comparison.pairs > 0;
        comparison.confusion.as_ref().filter(|_| pairs)
    })?;
    Some(Confusion { levels: confusion.categories.clone(), counts: confusion.counts.clone() })
}

fn majority_class(comparison: &Comparison) -> Option<MajorityClass> {
    let majority = comparison.majority_class.as_ref().filter(|_| comparison.pairs > 0)?;
    Some(MajorityClass { label: majority.label.clone(), share: majority.raw_agreement })
}

fn against_baseline(pairs: &Pairs<'_>, reader: &ScaleReader, baseline: &Baseline<'_>, plan: &Plan) -> BaselineReport {
    let other = |observation: &Observation| -> Option<(Observation, Verdict)> {
        let (_, evaluations) = baseline.as_ref()?;
        let evaluation = evaluations.get(&pairs.row(observation).subject)?;
        Some((*observation, reader.read(&evaluation.score)?))
    };
    let both: Vec<_> = pairs.observations.iter().filter_map(other).collect();
    let found = advantage(reader.levels(), &both, plan);
    BaselineReport {
        judge: baseline.as_ref().map(|(name, _)| (*name).to_owned()),
        items: found.items as u64,
        raw_agreement: found.other,
        advantage: found.advantage,
    }
}
