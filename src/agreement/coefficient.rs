//! The coefficients of an agreement report: their names, their formulas, and which interval each may have.

use crate::statistics::krippendorff::{Coincidences, IntervalSums, Metric};
use crate::statistics::{AgreementTable, PairGrid, Reason, Weighting, binary, kappa};

use super::intervals::Family;
use super::scale::{Kind, LabelScale};

/// A number that says how well two sides agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coefficient {
    /// Share of equal labels.
    RawAgreement,
    /// True positive rate.
    Tpr,
    /// True negative rate.
    Tnr,
    /// Positive predictive value.
    Ppv,
    /// Negative predictive value.
    Npv,
    /// Harmonic mean of TPR and PPV.
    F1,
    /// Mean F1 over the declared categories.
    MacroF1,
    /// Mean recall over the categories that humans used.
    BalancedAccuracy,
    /// Cohen's kappa.
    CohenKappa,
    /// Linearly weighted kappa.
    WeightedKappaLinear,
    /// Quadratically weighted kappa.
    WeightedKappaQuadratic,
    /// Scott's pi.
    ScottPi,
    /// Gwet's AC1.
    GwetAc1,
    /// Gwet's AC2 with linear weights.
    GwetAc2Linear,
    /// Gwet's AC2 with quadratic weights.
    GwetAc2Quadratic,
    /// Krippendorff's alpha on the declared scale.
    KrippendorffAlpha,
    /// Matthews' correlation.
    Mcc,
    /// Mean of judge minus human.
    Bias,
    /// Mean absolute error.
    Mae,
    /// Root mean squared error.
    Rmse,
    /// Pearson's correlation.
    Pearson,
    /// Spearman's correlation.
    Spearman,
    /// Kendall's tau-b.
    KendallTauB,
    /// Lin's concordance.
    LinCcc,
}

impl Coefficient {
    /// All, in the order of reports.
    pub const ALL: [Self; 24] = [
        Self::RawAgreement,
        Self::Tpr,
        Self::Tnr,
        Self::Ppv,
        Self::Npv,
        Self::F1,
        Self::MacroF1,
        Self::BalancedAccuracy,
        Self::CohenKappa,
        Self::WeightedKappaLinear,
        Self::WeightedKappaQuadratic,
        Self::ScottPi,
        Self::GwetAc1,
        Self::GwetAc2Linear,
        Self::GwetAc2Quadratic,
        Self::KrippendorffAlpha,
        Self::Mcc,
        Self::Bias,
        Self::Mae,
        Self::Rmse,
        Self::Pearson,
        Self::Spearman,
        Self::KendallTauB,
        Self::LinCcc,
    ];

    /// The key in JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::RawAgreement => "raw_agreement",
            Self::Tpr => "tpr",
            Self::Tnr => "tnr",
            Self::Ppv => "ppv",
            Self::Npv => "npv",
            Self::F1 => "f1",
            Self::MacroF1 => "macro_f1",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::CohenKappa => "cohen_kappa",
            Self::WeightedKappaLinear => "weighted_kappa_linear",
            Self::WeightedKappaQuadratic => "weighted_kappa_quadratic",
            Self::ScottPi => "scott_pi",
            Self::GwetAc1 => "gwet_ac1",
            Self::GwetAc2Linear => "gwet_ac2_linear",
            Self::GwetAc2Quadratic => "gwet_ac2_quadratic",
            Self::KrippendorffAlpha => "krippendorff_alpha",
            Self::Mcc => "mcc",
            Self::Bias => "bias",
            Self::Mae => "mae",
            Self::Rmse => "rmse",
            Self::Pearson => "pearson",
            Self::Spearman => "spearman",
            Self::KendallTauB => "kendall_tau_b",
            Self::LinCcc => "lin_ccc",
        }
    }

    pub(super) fn family(self) -> Family {
        match self {
            Self::RawAgreement | Self::Tpr | Self::Tnr | Self::Ppv | Self::Npv => Family::Share,
            Self::Bias | Self::Mae | Self::Rmse | Self::Pearson | Self::Spearman | Self::KendallTauB | Self::LinCcc => {
                Family::Difference
            }
            _ => Family::ChanceCorrected,
        }
    }

    /// Whether a constant side leaves nothing to correct for chance.
    pub(super) fn is_kappa(self) -> bool {
        matches!(self, Self::CohenKappa | Self::WeightedKappaLinear | Self::WeightedKappaQuadratic)
    }

    /// Whether the best possible value is 1, reached by perfect agreement.
    pub(super) fn is_1_at_best(self) -> bool {
        !matches!(self, Self::Bias | Self::Mae | Self::Rmse)
    }
}

/// Two sides' labels, summed up: everything that a coefficient needs.
pub(super) struct View<'a> {
    pub(super) scale: &'a LabelScale,
    /// Counts over the declared categories; empty on a numeric scale.
    pub(super) table: AgreementTable,
    /// Distinct pairs of numbers.
    pub(super) grid: &'a PairGrid,
    /// Weight of each distinct pair.
    pub(super) weights: &'a [f64],
}

impl View<'_> {
    /// The coefficient's value.
    pub(super) fn value(&self, coefficient: Coefficient) -> Result<f64, Reason> {
        let table = &self.table;
        match coefficient {
            Coefficient::RawAgreement => self.categorical(AgreementTable::raw_agreement),
            Coefficient::Tpr => self.rate(|rates| rates.tpr),
            Coefficient::Tnr => self.rate(|rates| rates.tnr),
            Coefficient::Ppv => self.rate(|rates| rates.ppv),
            Coefficient::Npv => self.rate(|rates| rates.npv),
            Coefficient::F1 => match self.scale.positive() {
                Some(positive) => binary::f1(table, positive),
                None => Err(Reason::NotBinary),
            },
            Coefficient::MacroF1 => self.categorical(binary::macro_f1),
            Coefficient::BalancedAccuracy => self.categorical(binary::balanced_accuracy),
            Coefficient::CohenKappa => self.categorical(|table| kappa::cohen_kappa(table, Weighting::Identity)),
            Coefficient::WeightedKappaLinear => self.ordered(|table| kappa::cohen_kappa(table, Weighting::Linear)),
            Coefficient::WeightedKappaQuadratic => {
                self.ordered(|table| kappa::cohen_kappa(table, Weighting::Quadratic))
            }
            Coefficient::ScottPi => self.categorical(kappa::scott_pi),
            Coefficient::GwetAc1 => self.categorical(|table| kappa::gwet_ac(table, Weighting::Identity)),
            Coefficient::GwetAc2Linear => self.ordered(|table| kappa::gwet_ac(table, Weighting::Linear)),
            Coefficient::GwetAc2Quadratic => self.ordered(|table| kappa::gwet_ac(table, Weighting::Quadratic)),
            Coefficient::KrippendorffAlpha => self.alpha(),
            Coefficient::Mcc => self.categorical(binary::mcc),
            Coefficient::Bias => self.numeric(PairGrid::bias),
            Coefficient::Mae => self.numeric(PairGrid::mae),
            Coefficient::Rmse => self.numeric(PairGrid::rmse),
            Coefficient::Pearson => self.numeric(PairGrid::pearson),
            Coefficient::Spearman => self.numeric(PairGrid::spearman),
            Coefficient::KendallTauB => self.numeric(PairGrid::kendall_tau_b),
            Coefficient::LinCcc => self.numeric(PairGrid::lin_ccc),
        }
    }

    fn rate(&self, of: impl Fn(binary::Rates) -> Result<f64, Reason>) -> Result<f64, Reason> {
        match self.scale.positive() {
            Some(positive) => of(binary::rates(&self.table, positive)),
            None => Err(Reason::NotBinary),
        }
    }

    fn categorical(&self, f: impl Fn(&AgreementTable) -> Result<f64, Reason>) -> Result<f64, Reason> {
        if self.scale.kind() == Kind::Numeric { Err(Reason::NotCategorical) } else { f(&self.table) }
    }

    fn ordered(&self, f: impl Fn(&AgreementTable) -> Result<f64, Reason>) -> Result<f64, Reason> {
        if self.scale.kind() == Kind::Nominal { Err(Reason::NotOrdered) } else { self.categorical(f) }
    }

    fn numeric(&self, f: impl Fn(&PairGrid, &[f64]) -> Result<f64, Reason>) -> Result<f64, Reason> {
        if self.scale.kind() == Kind::Nominal { Err(Reason::NotOrdered) } else { f(self.grid, self.weights) }
    }

    fn alpha(&self) -> Result<f64, Reason> {
        let coincidences = || Coincidences::of_table(&self.table);
        match self.scale.kind() {
            Kind::Numeric => IntervalSums::of_pairs(self.grid.pairs(), self.weights).alpha(),
            Kind::Ordinal => coincidences().alpha(Metric::Ordinal),
            Kind::Binary | Kind::Nominal => coincidences().alpha(Metric::Nominal),
        }
    }
}
