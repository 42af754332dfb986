//! Several judges, one verdict. Pure: the verdicts are in, the combined one is out.
//!
//! Who abstains casts no vote. A jury that does not reach what its rule demands abstains and says how the votes fell;
//! it never picks a side.

use serde::{Deserialize, Serialize};

use crate::model::{Scale, Score, Verdict};

/// How a jury comes to its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JuryRule {
    /// What more than half of the votes say.
    Majority,
    /// The mean of the scores; on a scale of levels the nearest level, the lower one of two. Not for categories.
    Mean,
    /// What every juror says.
    Unanimous,
    /// What every juror says, else another judge is asked.
    Escalate,
}

/// A juror and what it said.
#[derive(Debug, Clone, Copy)]
pub struct Vote<'a> {
    /// The judge's name.
    pub judge: &'a str,
    /// Its verdict.
    pub verdict: &'a Verdict,
}

/// What a jury came to.
#[derive(Debug, Clone, PartialEq)]
pub enum JuryOutcome {
    /// A verdict (or, where the rule was not met, an abstention).
    Verdict(Verdict),
    /// The jurors disagree and the rule asks for another judge; its prompt may be given this account.
    Escalate {
        /// How the votes fell, and the reasons.
        account: String,
    },
}

/// Combines the votes under `rule`. Every score must lie on `scale`, as a parsed verdict's does.
pub fn combine(rule: JuryRule, scale: &Scale, votes: &[Vote<'_>]) -> JuryOutcome {
    let scores: Vec<&Score> = votes.iter().filter_map(|vote| score(vote.verdict)).collect();
    let agreed = match rule {
        JuryRule::Majority => majority(&scores, votes.len()),
        JuryRule::Mean => mean(&scores, votes.len(), scale),
        JuryRule::Unanimous | JuryRule::Escalate => unanimous(&scores, votes.len()),
    };
    let account = account(votes);
    match agreed {
        Some(score) => JuryOutcome::Verdict(Verdict::Scored { score, rationale: account }),
        None if rule == JuryRule::Escalate => JuryOutcome::Escalate { account },
        None => JuryOutcome::Verdict(Verdict::Abstained { rationale: account }),
    }
}

fn score(verdict: &Verdict) -> Option<&Score> {
    match verdict {
        Verdict::Scored { score, .. } => Some(score),
        Verdict::Abstained { .. } => None,
    }
}

/// A jury decides only when at least half of it votes.
fn is_quorate(scores: &[&Score], jurors: usize) -> bool {
    !scores.is_empty() && scores.len() * 2 >= jurors
}

fn majority(scores: &[&Score], jurors: usize) -> Option<Score> {
    let winner = scores.iter().find(|one| scores.iter().filter(|other| other == one).count() * 2 > scores.len())?;
    is_quorate(scores, jurors).then(|| (*winner).clone())
}

fn unanimous(scores: &[&Score], jurors: usize) -> Option<Score> {
    let (first, rest) = scores.split_first()?;
    (scores.len() == jurors && rest.iter().all(|score| score == first)).then(|| (*first).clone())
}

fn mean(scores: &[&Score], jurors: usize, scale: &Scale) -> Option<Score> {
    if !is_quorate(scores, jurors) {
        return None;
    }
    let numbers = scores.iter().map(|score| score.number()).collect::<Option<Vec<f64>>>()?;
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    match scale {
        Scale::Numeric { min, max, .. } => Score::of_number(scale, mean.clamp(*min, *max)),
        Scale::Ordinal { levels, .. } => {
            // Ascending order makes the first of two equally near levels the lower one.
            let nearest = levels
                .iter()
                .map(|(level, _)| *level as f64)
                .min_by(|one, other| (one - mean).abs().total_cmp(&(other - mean).abs()))?;
            Score::of_number(scale, nearest)
        }
        // Half of the votes each way is no verdict.
        Scale::Binary { .. } if mean == 0.5 => None,
        Scale::Binary { .. } => Score::of_number(scale, f64::from(u8::from(mean > 0.5))),
        Scale::Categorical { .. } => None,
    }
}

/// Who said what, and why.
fn account(votes: &[Vote<'_>]) -> String {
    let lines: Vec<String> = votes
        .iter()
        .map(|vote| match vote.verdict {
            Verdict::Scored { score, rationale } => {
                let said = score.number().map(|number| number.to_string()).or_else(|| score.label().map(str::to_owned));
                format!("{}: {} ({rationale})", vote.judge, said.unwrap_or_default())
            }
            Verdict::Abstained { rationale } => format!("{}: abstained ({rationale})", vote.judge),
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn five() -> Scale {
        Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), None).unwrap()
    }

    fn verdicts(scale: &Scale, votes: &[Option<f64>]) -> Vec<Verdict> {
        votes
            .iter()
            .map(|vote| match vote {
                Some(number) => {
                    Verdict::Scored { score: Score::of_number(scale, *number).unwrap(), rationale: "r".into() }
                }
                None => Verdict::Abstained { rationale: "unclear".into() },
            })
            .collect()
    }

    fn outcome(rule: JuryRule, scale: &Scale, votes: &[Option<f64>]) -> JuryOutcome {
        let verdicts = verdicts(scale, votes);
        let votes: Vec<Vote<'_>> =
            ["a", "b", "c", "d"].into_iter().zip(&verdicts).map(|(judge, verdict)| Vote { judge, verdict }).collect();
        combine(rule, scale, &votes)
    }

    fn number(rule: JuryRule, scale: &Scale, votes: &[Option<f64>]) -> Option<f64> {
        match outcome(rule, scale, votes) {
            JuryOutcome::Verdict(Verdict::Scored { score, .. }) => score.number(),
            JuryOutcome::Verdict(Verdict::Abstained { .. }) | JuryOutcome::Escalate { .. } => None,
        }
    }

    #[test]
    fn a_majority_is_more_than_half_of_the_votes() {
        let of = |votes: &[Option<f64>]| number(JuryRule::Majority, &five(), votes);
        assert_eq!(of(&[Some(4.0), Some(2.0), Some(4.0)]), Some(4.0));
        assert_eq!(of(&[Some(4.0), Some(2.0)]), None, "a tie is no majority");
        assert_eq!(of(&[Some(4.0), Some(3.0), Some(2.0)]), None);
        assert_eq!(of(&[Some(4.0), Some(4.0), None]), Some(4.0), "an abstention is no vote");
        assert_eq!(of(&[Some(4.0), None, None]), None, "one of three does not speak for the jury");
        assert_eq!(of(&[None, None]), None);
    }

    #[test]
    fn a_mean_lies_on_the_scale() {
        let binary = Scale::Binary { pass: String::new(), fail: String::new() };
        let unit = Scale::numeric(0.0, 1.0, None, String::new()).unwrap();
        assert_eq!(number(JuryRule::Mean, &five(), &[Some(5.0), Some(4.0), Some(2.0)]), Some(4.0));
        assert_eq!(number(JuryRule::Mean, &five(), &[Some(3.0), Some(4.0)]), Some(3.0), "in doubt the lower level");
        assert_eq!(number(JuryRule::Mean, &unit, &[Some(0.25), Some(0.75)]), Some(0.5));
        assert_eq!(number(JuryRule::Mean, &binary, &[Some(1.0), Some(1.0), Some(0.0)]), Some(1.0));
        assert_eq!(number(JuryRule::Mean, &binary, &[Some(1.0), Some(0.0)]), None);
    }

    #[test]
    fn unanimity_needs_everybody() {
        let of = |votes: &[Option<f64>]| number(JuryRule::Unanimous, &five(), votes);
        assert_eq!(of(&[Some(4.0), Some(4.0)]), Some(4.0));
        assert_eq!(of(&[Some(4.0), Some(5.0)]), None);
        assert_eq!(of(&[Some(4.0), None]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn disagreement_escalates_with_an_account_of_it() {
        assert_eq!(
            outcome(JuryRule::Escalate, &five(), &[Some(4.0), None]),
            JuryOutcome::Escalate { account: "a: 4 (r)\nb: abstained (unclear)".into() }
        );
        assert_eq!(number(JuryRule::Escalate, &five(), &[Some(2.0), Some(2.0)]), Some(2.0));
    }

    #[test]
    fn categories_have_a_majority_but_no_mean() {
        let label = |name: &str| (name.to_owned(), String::new());
        let scale = Scale::categorical(vec![label("x"), label("y")], vec![]).unwrap();
        let says =
            |name: &str| Verdict::Scored { score: Score::of_label(&scale, name).unwrap(), rationale: "r".into() };
        let verdicts = [says("x"), says("y"), says("x")];
        let votes: Vec<Vote<'_>> = verdicts.iter().map(|verdict| Vote { judge: "j", verdict }).collect();
        let JuryOutcome::Verdict(Verdict::Scored { score, .. }) = combine(JuryRule::Majority, &scale, &votes) else {
            panic!("no majority")
        };
        assert_eq!(score.label(), Some("x"));
        assert!(matches!(combine(JuryRule::Mean, &scale, &votes), JuryOutcome::Verdict(Verdict::Abstained { .. })));
    }

    proptest! {
        #[test]
        fn the_order_of_the_jurors_does_not_matter(
            votes in proptest::collection::vec(proptest::option::of((1..=5i64).prop_map(|level| level as f64)), 0..4),
        ) {
            let reversed: Vec<Option<f64>> = votes.iter().rev().copied().collect();
            for rule in [JuryRule::Majority, JuryRule::Mean, JuryRule::Unanimous, JuryRule::Escalate] {
                let result = number(rule, &five(), &votes);
                prop_assert_eq!(result, number(rule, &five(), &reversed));
                if let Some(score) = result {
                    let cast: Vec<f64> = votes.iter().flatten().copied().collect();
                    prop_assert!(cast.iter().any(|vote| *vote <= score) && cast.iter().any(|vote| *vote >= score));
                }
            }
        }
    }
}
