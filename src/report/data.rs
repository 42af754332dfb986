//! The report as data: what the JSON twin holds and the pages are rendered from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::drift::DriftReport;
use crate::agreement::Noise;
pub use crate::model::Moment;
use crate::model::{Alert, EvaluationId, Revisions, SpanId, SubjectId, TraceId};
use crate::statistics::calibration::Calibration;
use crate::statistics::ppi::Method;
use crate::statistics::{Estimate, Reason};
use crate::store::Ledger;

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct ReportData {
    /// Version of this format; grows when a field changes its meaning.
    pub format: u32,
    /// What is made up, when it is.
    pub simulation: Option<String>,
    /// The newest datum's time, unless another was asked for.
    pub generated_at: Option<Moment>,
    /// The first and last observation reported on.
    pub period: Option<(Moment, Moment)>,
    /// From when on the numbers of the traffic are complete, while older scores are still being summed up.
    pub complete_since: Option<Moment>,
    /// The level of every interval.
    pub confidence: f64,
    /// The answer in a few sentences.
    pub headline: Vec<String>,
    /// What to do next, most urgent first.
    pub actions: Vec<Action>,
    /// One section for each rubric.
    pub rubrics: Vec<RubricReport>,
    /// Drift.
    pub drift: DriftReport,
    /// What moved and is not settled.
    pub alerts: Vec<AlertReport>,
    /// How far labelling is.
    pub labels: LabelProgress,
    /// What could not be judged for want of content.
    pub content: Vec<ContentReport>,
    /// Cost and latency of each judge.
    pub judges: Vec<JudgeReport>,
    /// Every account.
    pub ledger: Ledger,
}

/// An alert that is not over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertReport {
    /// What moved, by how much, since when.
    pub summary: String,
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    /// How soon.
    pub urgency: Urgency,
    /// What, and why.
    pub text: String,
    /// The page where it is done, when judged is serving.
    pub link: Option<String>,
}

/// Evaluations that failed for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailureReport {
    /// A stable code.
    pub reason: String,
    pub count: u64,
    /// Of all that the judge was asked.
    pub share: f64,
    /// What to do.
    pub remedy: &'static str,
}

/// How soon something should be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Numbers are wrong or missing until it is done.
    Now,
    /// Numbers get better.
    Soon,
}

/// Whether the scores of a rubric may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No.
    DoNotTrust,
    /// Nobody can say yet.
    TooFewLabels,
    /// Nothing was scored.
    NoScores,
    /// Within stated limits.
    WithCare,
    /// Yes.
    Trust,
}

/// The verdict on a rubric, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictReport {
    /// Which.
    pub verdict: Verdict,
    /// One sentence.
    pub headline: String,
    /// Why.
    pub reasons: Vec<String>,
    /// How many more labels it takes for a verdict.
    pub labels_needed: Option<u64>,
}

/// One rubric.
#[derive(Debug, Clone, Serialize)]
pub struct RubricReport {
    /// Its name.
    pub name: String,
    /// The question it answers.
    pub description: Option<String>,
    /// The kind of its scale.
    pub scale: Option<String>,
    /// The scale in the words that judge and labeller read.
    pub scale_text: Option<String>,
    /// Whether it judges, rather than having judged before.
    pub enabled: bool,
    /// Whether its scores may be believed.
    pub verdict: VerdictReport,
    /// What moved lately.
    pub change: Change,
    /// The series that the verdict is about: an index into `series`.
    pub current: Option<usize>,
    /// Why labels of earlier answers do not count for the current series; absent where they do.
    pub new_series: Option<NewSeries>,
    /// Scores that may be compared with each other, the current series first.
    pub series: Vec<SeriesReport>,
    /// What annotators say of each other.
    pub humans: HumanReport,
    /// Where judge and humans differ most.
    pub disagreements: Vec<Disagreement>,
}

/// Why the current series has fewer labels than an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewSeries {
    /// The first answer that it judged.
    pub since: Option<Moment>,
    /// What is new: the version, the judge, its model, or how judged shows answers to it.
    pub what: String,
    /// Labelled answers that an earlier series judged.
    pub labelled_before: u64,
    /// Those that this one judged.
    pub labelled: u64,
    /// What has them judged again.
    pub command: String,
    /// All of it in a sentence.
    pub text: String,
}

/// The recent half of the period against the earlier.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Where the recent part begins.
    pub split_at: Option<Moment>,
    /// Mean value before.
    pub before: Estimate,
    /// Mean value since.
    pub since: Estimate,
    /// The difference.
    pub difference: Estimate,
}

/// Scores of one rubric version by one judge and provider-reported model.
#[derive(Debug, Clone, Serialize)]
pub struct SeriesReport {
    /// The rubric's version.
    pub version: u32,
    /// The judge.
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    /// The revisions of judged that read and rendered what was judged.
    pub revisions: Revisions,
    /// Whether it is the bar that others must clear.
    pub baseline: bool,
    /// The first observation.
    pub from: Option<Moment>,
    /// The last.
    pub until: Option<Moment>,
    /// Evaluations by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Why evaluations failed, expired or were filtered.
    pub reasons: BTreeMap<String, u64>,
    /// How many were scored.
    pub scored: u64,
    /// As many equally weighted scores would say as much.
    pub effective: f64,
    /// The mean value, weighted by 1/p.
    pub mean_value: Estimate,
    /// The share that passes, weighted by 1/p.
    pub pass_rate: Estimate,
    /// How often each level was given.
    pub distribution: Vec<LevelShare>,
    /// The value over time.
    pub timeline: Timeline,
    /// What the judge says when it is asked again: below this no difference of its scores means anything.
    pub noise: Noise,
    /// Against human labels that were drawn with known probabilities.
    pub agreement: AgreementReport,
    /// Against labels of unknown selection: true of those items only.
    pub agreement_unknown: Option<AgreementReport>,
    /// The share of good answers, corrected by labels.
    pub quality: QualityReport,
    /// By segment.
    pub segments: Vec<SegmentReport>,
}

/// How often a level was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelShare {
    /// The level, as the scale writes it.
    pub level: String,
    /// What it means.
    pub meaning: String,
    /// How often.
    pub count: u64,
    /// Which share, weighted by 1/p.
    pub share: Estimate,
}

/// The value over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// The width of a point, in hours; chosen so that most points have an honest interval.
    pub hours: u32,
    /// The points that hold anything, in order.
    pub points: Vec<Point>,
}

/// One point of a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Where it begins.
    pub start: Moment,
    /// How many scores it holds.
    pub scored: u64,
    /// Their mean value.
    pub value: Estimate,
}

/// How far a judge agrees with humans.
#[derive(Debug, Clone, Serialize)]
pub struct AgreementReport {
    /// Items with a human and a judge verdict.
    pub items: u64,
    /// As many equally weighted items would say as much.
    pub effective: f64,
    /// Items left out because annotators were split evenly.
    pub ties: u64,
    /// Labels that are not on this version's scale.
    pub off_scale: u64,
    /// Targeted items left out because the others carry no probability to weigh them by.
    pub unweighable: u64,
    /// On pass and fail; absent when the scale declares no threshold.
    pub pass_fail: Option<PassFailAgreement>,
    /// On the scale itself; absent for binary scales, where it would say the same.
    pub on_scale: Option<ScaleAgreement>,
    /// Whether the judge's probabilities are what they say; absent of judges that give none.
    pub calibration: Option<Calibration>,
    /// Humans in rows, the judge in columns.
    pub confusion: Option<Confusion>,
    /// What saying the same always would reach.
    pub majority_class: Option<MajorityClass>,
    /// What the baseline judge reaches on the same items.
    pub baseline: BaselineReport,
}

impl AgreementReport {
    /// The share of equal verdicts: on pass and fail where the scale divides them, else on the scale.
    pub fn raw_agreement(&self) -> Estimate {
        match (&self.pass_fail, &self.on_scale) {
            (Some(pass_fail), _) => pass_fail.raw_agreement,
            (None, Some(on_scale)) => on_scale.raw_agreement,
            (None, None) => Reason::NoPairs.into(),
        }
    }
}

/// Agreement on pass and fail.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PassFailAgreement {
    /// Share of equal verdicts.
    pub raw_agreement: Estimate,
    /// Of the answers that humans pass, the share that the judge passes.
    pub tpr: Estimate,
    /// Of the answers that humans fail, the share that the judge fails.
    pub tnr: Estimate,
    /// Cohen's kappa.
    pub cohen_kappa: Estimate,
    /// Gwet's AC1.
    pub gwet_ac1: Estimate,
    /// Answers that humans pass.
    pub good: u64,
    /// Answers that humans fail.
    pub bad: u64,
    /// Bad answers that the judge passes.
    pub missed: u64,
    /// Good answers that the judge fails.
    pub false_alarms: u64,
}

/// Agreement on the declared scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScaleAgreement {
    /// Share of equal levels.
    pub raw_agreement: Estimate,
    /// Quadratically weighted kappa; Cohen's kappa on unordered scales.
    pub kappa: Estimate,
    /// Krippendorff's alpha on the declared scale.
    pub krippendorff_alpha: Estimate,
    /// Mean of judge minus human, in units of the scale.
    pub bias: Estimate,
    /// Mean absolute error, in units of the scale.
    pub mae: Estimate,
}

/// Counts of (human, judge) levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// The levels, in order.
    pub levels: Vec<String>,
    /// Rows: humans. Columns: the judge.
    pub counts: Vec<Vec<u64>>,
}

/// The commonest human verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MajorityClass {
    /// Which.
    pub label: String,
    /// Its share: what a judge that always says it would reach.
    pub share: Estimate,
}

/// The baseline on the same items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BaselineReport {
    /// Its name, when it judged any of them.
    pub judge: Option<String>,
    /// Items that both judged.
    pub items: u64,
    /// Its share of equal verdicts.
    pub raw_agreement: Estimate,
    /// By how much the judge agrees more often, on the same items.
    pub advantage: Estimate,
}

/// What annotators say of each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HumanReport {
    /// Annotators and how many items each labelled.
    pub annotators: BTreeMap<String, u64>,
    /// Items with labels of two or more.
    pub shared_items: u64,
    /// Share of pairs of annotators that agree; on pass and fail where the scale has a threshold.
    pub raw_agreement: Estimate,
    /// Krippendorff's alpha on the declared scale.
    pub krippendorff_alpha: Estimate,
}

/// The share of good answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct QualityReport {
    /// The share that humans would pass.
    pub rate: Estimate,
    /// How it was estimated.
    pub method: Method,
    /// How much the judge's scores count in it: 0 not at all, 1 fully.
    pub lambda: Option<f64>,
    /// Labels behind it.
    pub labels: u64,
}

/// One value of a segment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentReport {
    /// The attribute.
    pub name: String,
    /// Its value; values with too few scores are pooled under none.
    pub value: Option<String>,
    /// How many values are pooled here.
    pub pooled: u64,
    /// Scores.
    pub scored: u64,
    /// Mean value.
    pub mean_value: Estimate,
    /// The share that passes.
    pub pass_rate: Estimate,
    /// Labelled items.
    pub labelled: u64,
    /// Raw agreement with humans; that of the whole series where this segment has too few labels.
    pub agreement: Estimate,
    /// Whether `agreement` is that of the whole series.
    pub agreement_pooled: bool,
}

/// An item on which judge and humans differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disagreement {
    /// The evaluation.
    pub evaluation: EvaluationId,
    /// The subject.
    pub subject: SubjectId,
    /// The judged trace.
    pub trace_id: TraceId,
    /// The judged span.
    pub span_id: SpanId,
    /// When it was observed.
    pub observed_at: Moment,
    /// What humans said.
    pub human: String,
    /// Who said so.
    pub annotators: Vec<String>,
    /// Why, when told.
    pub human_rationale: Option<String>,
    /// What the judge said.
    pub judge: String,
    /// Why.
    pub rationale: Option<String>,
    /// How far apart they are, in [0, 1].
    pub distance: f64,
}

/// How far labelling is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelProgress {
    /// All labels, also on older series.
    pub labels: u64,
    /// Items that annotators could not judge: no labels, and counted in nothing else.
    pub abstained: u64,
    /// By how their items were chosen.
    pub streams: BTreeMap<&'static str, u64>,
    /// Labels of each annotator.
    pub annotators: BTreeMap<String, u64>,
    /// The latest.
    pub latest: Option<Moment>,
}

/// How many subjects of a kind carry content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContentReport {
    /// `generation`, `trace` or `session`.
    pub kind: &'static str,
    /// How many were kept.
    pub subjects: u64,
    /// How many of them cannot be judged, by reason.
    pub unjudgeable: BTreeMap<String, u64>,
}

/// What a judge costs and how fast it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgeReport {
    /// The judge.
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    /// Evaluations by outcome, over all rubrics.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Why evaluations failed, most frequent first.
    pub failures: Vec<FailureReport>,
    /// Sum of known costs, in US dollars.
    pub cost_usd: f64,
    /// Evaluations whose cost is known.
    pub priced: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Half of the scored evaluations were faster.
    pub latency_median_ms: Estimate,
    /// Nineteen of twenty were faster.
    pub latency_p95_ms: Estimate,
}
