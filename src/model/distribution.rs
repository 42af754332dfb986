//! The probabilities that a judge gave to the points of a rubric's scale, and the verdict that follows from them. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DecisionVerdict, PASS, Scale, Score, Verdict};

/// The threshold where no labels have chosen another.
pub const EVEN_ODDS: f64 = 0.5;

/// A point of the scale and its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointProbability {
    /// `pass`, `fail`, a label, or the number of a level.
    pub point: String,
    /// Its number on the scale; absent of a label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    pub probability: f64,
}

/// The threshold from which a binary verdict is `pass`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The least probability of `pass`.
    pub value: f64,
    /// Which choice of a threshold it is: 0 where no labels chose one.
    pub number: u32,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { value: EVEN_ODDS, number: 0 }
    }
}

/// What stands between a model and the number of its threshold.
const THRESHOLD: &str = ", threshold ";

/// A model and the threshold that cuts its probabilities, as scores are told apart by: two thresholds are two measurements.
pub fn name_of_series(model: &str, threshold: Threshold) -> String {
    if threshold.number == 0 { model.to_owned() } else { format!("{model}{THRESHOLD}{}", threshold.number) }
}

/// The model and the number of the threshold in such a name; 0 where it names none.
pub fn model_of_series(name: &str) -> (&str, u32) {
    let parts = name.rsplit_once(THRESHOLD).and_then(|(model, number)| Some((model, number.parse().ok()?)));
    parts.unwrap_or((name, 0))
}

/// Where a distribution comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DistributionOrigin {
    /// The endpoint's dialect.
    pub dialect: String,
    /// The model that was asked for.
    pub requested_model: String,
    /// The model that the endpoint says it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_model: Option<String>,
    /// The endpoint's own figure of confidence, whose formula differs between servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_confidence: Option<f64>,
}

/// What a judge's verdict was drawn from. The probabilities of the points and of an abstention add up to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// In the order of the scale.
    pub points: Vec<PointProbability>,
    /// The probability of an abstention, where that was an option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstention: Option<f64>,
    /// `(n·max − 1)/(n − 1)` of the n options' probabilities: 0 when all are the same, 1 when one is certain.
    pub confidence: f64,
    /// The point with the highest probability; of equal ones the first.
    pub most_probable: String,
    /// The mean on the rubric's own scale, given that it does not abstain; absent of labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// The threshold that made a binary verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    #[serde(flatten)]
    pub origin: DistributionOrigin,
}

impl Distribution {
    /// From probabilities that add up to 1; `None` without a point.
    pub fn new(points: Vec<PointProbability>, abstention: Option<f64>, origin: DistributionOrigin) -> Option<Self> {
        let top = first_greatest(&points)?;
        let most_probable = top.point.clone();
        let (options, greatest) =
            (points.len() + usize::from(abstention.is_some()), top.probability.max(abstention.unwrap_or(0.0)));
        let mut this = Self {
            confidence: confidence(options, greatest),
            most_probable,
            expected: None,
            threshold: None,
            points,
            abstention,
            origin,
        };
        this.expected = this.mean(|point| point.number);
        Some(this)
    }

    /// The mean of `of` over the points, given that it does not abstain; `None` where a point has none.
    fn mean(&self, of: impl Fn(&PointProbability) -> Option<f64>) -> Option<f64> {
        let decided: f64 = self.points.iter().map(|point| point.probability).sum();
        let sum =
            self.points.iter().map(|point| of(point).map(|number| number * point.probability)).sum::<Option<f64>>();
        sum.filter(|_| decided > 0.0).map(|sum| sum / decided)
    }

    /// The probability that the verdict passes; `None` where the scale does not say what passes.
    pub fn passing(&self, scale: &Scale) -> Option<f64> {
        self.mean(|point| {
            let label = point.number.is_none().then_some(point.point.as_str());
            scale.passes(point.number, label).map(|passes| f64::from(u8::from(passes)))
        })
    }

    /// What was stored; `None` of what another release stored in another form.
    pub fn stored(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The probability that the verdict passes; where the scale does not say what passes, that of the most probable point.
    pub fn probability(&self, scale: &Scale) -> Option<f64> {
        self.passing(scale).or_else(|| first_greatest(&self.points).map(|point| point.probability))
    }

    /// Each point and its probability.
    pub fn by_point(&self) -> BTreeMap<&str, f64> {
        self.points.iter().map(|point| (point.point.as_str(), point.probability)).collect()
    }

    /// How unsure the judge is, from 0 to 0.5: the standard deviation of the score, normalised to [0, 1]; of labels, that of
    /// whether the most probable one is right.
    pub fn doubt(&self) -> f64 {
        let numbers: Option<Vec<f64>> = self.points.iter().map(|point| point.number).collect();
        let (low, high) = numbers
            .iter()
            .flatten()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| (low.min(*number), high.max(*number)));
        if low < high {
            let value = |point: &PointProbability| point.number.map(|number| (number - low) / (high - low));
            let mean = self.mean(value).unwrap_or(0.5);
            let variance = self.mean(|point| value(point).map(|value| (value - mean).powi(2)));
            return variance.unwrap_or(0.25).max(0.0).sqrt();
        }
        let top = first_greatest(&self.points).map_or(0.5, |point| point.probability);
        (top * (1.0 - top)).max(0.0).sqrt()
    }

    /// Whether most of the probability lies at two ends: the mean is then a level that the model thinks improbable.
    pub fn is_split(&self) -> bool {
        let near = |point: &&PointProbability| {
            point.number.zip(self.expected).map(|(number, expected)| (number - expected).abs())
        };
        let nearest = self
            .points
            .iter()
            .filter(|point| near(point).is_some())
            .min_by(|a, b| near(a).unwrap_or_default().total_cmp(&near(b).unwrap_or_default()));
        let top = self.points.iter().map(|point| point.probability).fold(0.0, f64::max);
        self.points.len() > 2 && nearest.is_some_and(|point| point.probability < top / 2.0)
    }

    /// The verdict: an abstention where that is more probable than any point; on a binary scale `pass` from the threshold on;
    /// on an ordinal one what the rubric asks for; on a categorical one the most probable label, of equal ones the first; on a
    /// numeric one the mean. `None` where the points are not those of the scale.
    pub fn verdict(&self, scale: &Scale, by: DecisionVerdict, threshold: Threshold) -> Option<Verdict> {
        let top = first_greatest(&self.points)?;
        if self.abstention.is_some_and(|abstention| abstention > top.probability) {
            return Some(Verdict::Abstained { rationale: String::new() });
        }
        let score = match scale {
            Scale::Binary { .. } => {
                let pass = self.mean(|point| Some(f64::from(u8::from(point.point == PASS))))?;
                Score::of_pass(scale, pass >= threshold.value)
            }
            Scale::Ordinal { .. } => match by {
                DecisionVerdict::MostProbable => Score::of_number(scale, top.number?),
                DecisionVerdict::Expected => Score::of_number(scale, self.nearest_level(self.expected?)?),
            },
            Scale::Categorical { .. } => Score::of_label(scale, &top.point),
            Scale::Numeric { min, max, .. } => Score::of_number(scale, self.expected?.clamp(*min, *max)),
        }?;
        Some(Verdict::Scored { score, rationale: String::new() })
    }

    fn nearest_level(&self, expected: f64) -> Option<f64> {
        let levels = self.points.iter().filter_map(|point| point.number);
        levels.min_by(|a, b| (a - expected).abs().total_cmp(&(b - expected).abs()))
    }
}

/// The first of the most probable points.
fn first_greatest(points: &[PointProbability]) -> Option<&PointProbability> {
    points.iter().reduce(|best, point| if point.probability > best.probability { point } else { best })
}

fn confidence(options: usize, greatest: f64) -> f64 {
    if options < 2 {
        return 1.0;
    }
    let options = options as f64;
    ((options * greatest - 1.0) / (options - 1.0)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_numbers(points: &[(f64, f64)], abstention: Option<f64>) -> Distribution {
        let points = points.iter().map(|(number, probability)| PointProbability {
            point: number.to_string(),
            number: Some(*number),
            probability: *probability,
        });
        Distribution::new(points.collect(), abstention, DistributionOrigin::default()).unwrap()
    }

    fn of_names(points: &[(&str, Option<f64>, f64)]) -> Distribution {
        let points = points.iter().map(|(point, number, probability)| PointProbability {
            point: (*point).to_owned(),
            number: *number,
            probability: *probability,
        });
        Distribution::new(points.collect(), None, DistributionOrigin::default()).unwrap()
    }

    fn levels() -> Scale {
        Scale::ordinal((1..=3).map(|level| (level, String::new())).collect(), Some(3)).unwrap()
    }

    fn number(verdict: Option<Verdict>) -> Option<f64> {
        match verdict? {
            Verdict::Scored { score, .. } => score.number(),
            Verdict::Abstained { .. } => None,
        }
    }

    #[test]
    fn a_binary_verdict_passes_from_the_threshold_on() {
        let binary = Scale::Binary { pass: String::new(), fail: String::new() };
        let verdict = |pass: f64, threshold: Threshold| {
            let distribution = of_names(&[("pass", Some(1.0), pass), ("fail", Some(0.0), 1.0 - pass)]);
            number(distribution.verdict(&binary, DecisionVerdict::MostProbable, threshold))
        };
        assert_eq!(verdict(0.5, Threshold::default()), Some(1.0), "exactly at the threshold");
        assert_eq!(verdict(0.49, Threshold::default()), Some(0.0));
        assert_eq!(verdict(0.6, Threshold { value: 0.7, number: 1 }), Some(0.0));
    }

    #[test]
    fn a_split_distribution_says_so_and_its_mean_is_not_its_mode() {
        let split = of_numbers(&[(1.0, 0.5), (2.0, 0.0), (3.0, 0.5)], None);
        assert_eq!((split.expected, split.most_probable.as_str(), split.is_split()), (Some(2.0), "1", true));
        let by = |by| number(split.verdict(&levels(), by, Threshold::default()));
        assert_eq!((by(DecisionVerdict::MostProbable), by(DecisionVerdict::Expected)), (Some(1.0), Some(2.0)));
        assert!(!of_numbers(&[(1.0, 0.2), (2.0, 0.6), (3.0, 0.2)], None).is_split());
    }

    #[test]
    fn a_mean_between_two_levels_is_the_lower_one() {
        let between = of_numbers(&[(1.0, 0.5), (2.0, 0.5), (3.0, 0.0)], None);
        assert_eq!(number(between.verdict(&levels(), DecisionVerdict::Expected, Threshold::default())), Some(1.0));
    }

    #[test]
    fn of_equally_probable_labels_the_first_is_the_verdict() {
        let labels = ["polite", "rude"].map(|label| (label.to_owned(), String::new()));
        let scale = Scale::categorical(labels.into(), vec!["polite".into()]).unwrap();
        let tie = of_names(&[("polite", None, 0.5), ("rude", None, 0.5)]);
        let verdict = tie.verdict(&scale, DecisionVerdict::MostProbable, Threshold::default());
        assert!(matches!(verdict, Some(Verdict::Scored { score, .. }) if score.label() == Some("polite")));
        assert_eq!((tie.passing(&scale), tie.expected), (Some(0.5), None));
        assert_eq!(tie.confidence, 0.0);
    }

    #[test]
    fn an_abstention_must_be_more_probable_than_every_verdict_and_bends_no_mean() {
        let unsure = of_numbers(&[(1.0, 0.1), (3.0, 0.3)], Some(0.6));
        let verdict = |of: &Distribution| of.verdict(&levels(), DecisionVerdict::MostProbable, Threshold::default());
        assert!(matches!(verdict(&unsure), Some(Verdict::Abstained { .. })));
        assert!(
            (unsure.expected.unwrap() - 2.5).abs() < 1e-9 && (unsure.passing(&levels()).unwrap() - 0.75).abs() < 1e-9
        );
        let tie = of_numbers(&[(1.0, 0.4), (3.0, 0.2)], Some(0.4));
        assert_eq!(number(verdict(&tie)), Some(1.0));
    }

    #[test]
    fn doubt_is_the_spread_of_the_score() {
        let doubt = |pass: f64| of_names(&[("pass", Some(1.0), pass), ("fail", Some(0.0), 1.0 - pass)]).doubt();
        assert_eq!((doubt(0.5), doubt(1.0)), (0.5, 0.0));
        assert!((doubt(0.9) - 0.3).abs() < 1e-12);
        assert_eq!(of_numbers(&[(1.0, 0.5), (2.0, 0.0), (3.0, 0.5)], None).doubt(), 0.5);
        assert!((of_names(&[("a", None, 0.8), ("b", None, 0.2)]).doubt() - 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_series_is_named_by_model_and_threshold() {
        let name = |number| name_of_series("jev-1.13.0", Threshold { value: 0.6, number });
        assert_eq!((name(0).as_str(), name(2).as_str()), ("jev-1.13.0", "jev-1.13.0, threshold 2"));
        assert_eq!((model_of_series(&name(0)), model_of_series(&name(2))), (("jev-1.13.0", 0), ("jev-1.13.0", 2)));
        assert_eq!(model_of_series("m, threshold x"), ("m, threshold x", 0));
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let mut distribution = of_names(&[("pass", Some(1.0), 0.93), ("fail", Some(0.0), 0.07)]);
        distribution.threshold = Some(Threshold { value: 0.4, number: 2 });
        let text = serde_json::to_string(&distribution).unwrap();
        assert_eq!(serde_json::from_str::<Distribution>(&text).unwrap(), distribution, "{text}");
        assert_eq!(Distribution::stored(r#"{"votes":3}"#), None);
        assert!((distribution.confidence - 0.86).abs() < 1e-9);
    }
}
