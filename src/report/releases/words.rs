//! The comparison as text for a terminal, and as Markdown for a pull request.

use super::data::{Basis, Example, ReleaseComparison, ReleaseVerdict, RubricComparison, SideReport, Unknown};
use crate::report::words::{percent_estimate, points, points_estimate, points_range};

/// Segment values that are named.
const WORST: usize = 5;
/// Characters of a question or a reason.
const SHORT: usize = 100;

/// What stands differently on a terminal and in Markdown.
struct Form {
    heading: &'static str,
    strong: &'static str,
    item: &'static str,
}

const TEXT: Form = Form { heading: "", strong: "", item: "  - " };
const MARKDOWN: Form = Form { heading: "### ", strong: "**", item: "- " };

pub fn text(comparison: &ReleaseComparison) -> String {
    render(comparison, &TEXT)
}

pub fn markdown(comparison: &ReleaseComparison) -> String {
    render(comparison, &MARKDOWN)
}

fn render(comparison: &ReleaseComparison, form: &Form) -> String {
    let ReleaseComparison { by, old, new, .. } = comparison;
    let mut lines = vec![format!("{}{by}: {new} against {old}", form.heading), String::new()];
    for rubric in &comparison.rubrics {
        lines.extend(of_rubric(rubric, comparison, form));
        lines.push(String::new());
    }
    if comparison.rubrics.is_empty() {
        lines.push("No rubric judges.".to_owned());
    }
    lines.join("\n")
}

fn of_rubric(rubric: &RubricComparison, all: &ReleaseComparison, form: &Form) -> Vec<String> {
    let Form { strong, item, .. } = form;
    let mut lines = vec![format!("{strong}{}: {}{strong}", rubric.rubric, headline(rubric, all))];
    lines.extend(facts(rubric, all).iter().map(|fact| format!("{item}{fact}")));
    for (side, title) in [("new", "failed now"), ("old", "passed before")] {
        let own: Vec<&Example> = rubric.examples.iter().filter(|example| example.side == side).collect();
        if !own.is_empty() {
            lines.push(format!("{item}{title}:"));
            lines.extend(own.iter().map(|one| format!("  {item}{}", example(one))));
        }
    }
    lines
}

/// What is known of a rubric on both sides, a sentence each.
pub fn facts(rubric: &RubricComparison, all: &ReleaseComparison) -> Vec<String> {
    let mut facts = compared(rubric, all);
    facts.extend(found(rubric));
    facts.extend(rests_on(rubric));
    for worst in rubric.segments.iter().filter(|segment| segment.worse).take(WORST) {
        let [old, new] = worst.scored;
        let difference = points_estimate(&worst.difference);
        facts.push(format!("worse in {} = {}: {difference} ({old} and {new} scores)", worst.segment, worst.value));
    }
    facts
}

fn compared(rubric: &RubricComparison, all: &ReleaseComparison) -> Vec<String> {
    let judged = rubric.series.iter().map(|series| {
        let model = series.judge_model.as_deref().map_or(String::new(), |model| format!(" ({model})"));
        format!("judged by {}{model} with v{}", series.judge, series.version)
    });
    let sides = rubric.sides.iter().flatten().zip([&all.old, &all.new]);
    judged.chain(sides.map(|(own, name)| format!("{name}: {}", side(own)))).collect()
}

fn found(rubric: &RubricComparison) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(difference) = &rubric.difference {
        let difference = points_estimate(difference);
        facts.push(format!("good answers, freed of the judge's errors: {difference} (95 % interval of this look)"));
    }
    if let Some(mix) = &rubric.without_mix {
        facts.push(format!(
            "of that, the mix of {} explains {} points; {} remains{}",
            mix.segment,
            points(mix.mix),
            points_estimate(&mix.within),
            uncompared(mix.uncompared),
        ));
    }
    facts.extend(rubric.always_valid.map(|always| format!("at every look at once: {}", points_range(always))));
    facts
}

fn rests_on(rubric: &RubricComparison) -> Vec<String> {
    let errors = rubric.errors.as_ref().map(|errors| {
        format!(
            "rests on {} labels: the judge passes {:.0} % of what people pass and fails {:.0} % of what they fail; {}{}",
            errors.labels,
            errors.tpr * 100.0,
            errors.tnr * 100.0,
            basis(errors.basis),
            if errors.selection_unknown { "; the labels were chosen, not drawn" } else { "" },
        )
    });
    let detectable = rubric.detectable.map(|detectable| {
        format!("a difference of {:.1} points would show in one look with 80 % probability", detectable * 100.0)
    });
    errors.into_iter().chain(detectable).collect()
}

/// The verdict in words.
pub fn headline(rubric: &RubricComparison, all: &ReleaseComparison) -> String {
    let beyond =
        if all.margin > 0.0 { format!(" by more than {:.1} points", all.margin * 100.0) } else { String::new() };
    match (rubric.verdict, rubric.because) {
        (ReleaseVerdict::Worse, _) => format!("{} is worse{beyond}", all.new),
        (ReleaseVerdict::Better, _) => format!("{} is better", all.new),
        (ReleaseVerdict::NotWorse, _) => format!("{} is not worse{beyond}", all.new),
        (ReleaseVerdict::CannotTell, because) => {
            format!("cannot tell: {}", because.map_or("nothing was compared", unknown))
        }
    }
}

fn unknown(why: Unknown) -> &'static str {
    match why {
        Unknown::NoThreshold => "the scale does not say what passes; give the rubric a threshold",
        Unknown::NoCommonSeries => {
            "no version and judge has scored answers of both; `judged backfill` judges the older ones with what judges now"
        }
        Unknown::FewScores => "one side has fewer than 30 scores, or scores that weigh as few",
        Unknown::FewLabels => {
            "too few labels tell how often the judge is right; label answers that people pass and answers that they fail \
             (`judged labels queue`)"
        }
        Unknown::JudgeUninformative => "by its labels the judge is close to guessing",
        Unknown::Undecided => {
            "more scores or labels are needed, or the two are alike; `--margin 0.03` asks whether it is worse by more than 3 points"
        }
    }
}

fn side(side: &SideReport) -> String {
    let newest = side.newest_label.map_or(String::new(), |at| format!(", the newest of {}", &at.to_string()[..10]));
    format!(
        "{} scores, the judge passes {}; {} labels{newest}",
        side.scored,
        percent_estimate(&side.judge_passes),
        side.labels
    )
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::SameErrors => "labels do not tell its errors on the two apart",
        Basis::SameErrorsAssumed => "that it errs alike on both is assumed: one has too few labels to test it",
        Basis::OtherReleases => "these labels are of other releases, and that it errs alike on these is assumed",
        Basis::OwnLabels => {
            "it errs differently on the two, so that each is told by its own labels; a changed mix is not taken out"
        }
    }
}

fn uncompared(share: f64) -> String {
    if share < 0.005 {
        String::new()
    } else {
        format!(" ({:.0} % of the new answers have too few counterparts and are left out)", share * 100.0)
    }
}

fn example(one: &Example) -> String {
    let short = |text: &str| {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() > SHORT { line.chars().take(SHORT).chain(['…']).collect() } else { line }
    };
    let question = one.question.as_deref().map_or("(question not kept)".to_owned(), short);
    let rationale = one.rationale.as_deref().map_or(String::new(), |text| format!(" — {}", short(text)));
    format!("{} {question}{rationale}", one.trace_id)
}
