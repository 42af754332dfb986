//! The agreement report for people.

use crate::agreement::file::{JudgeReport, Report, Section};
use crate::agreement::{AltTestReport, Coefficient, Comparison, Kind, shown};

/// Width of the column of names.
const NAME: usize = 28;

/// Renders the report.
pub(super) fn render(report: &Report, skipped: usize) -> String {
    let mut text = String::new();
    heading(&mut text, report, skipped);
    for (name, judge) in &report.all.judges {
        section_judge(&mut text, name, judge, report.kind);
    }
    humans(&mut text, &report.all);
    segments(&mut text, report);
    text.truncate(text.trim_end().len());
    text
}

/// One line; writing to a string cannot fail.
fn line(text: &mut String, content: &str) {
    text.push_str(content.trim_end());
    text.push('\n');
}

fn row(text: &mut String, name: &str, value: &str) {
    line(text, &format!("  {name:<NAME$}{value}"));
}

fn heading(text: &mut String, report: &Report, skipped: usize) {
    let annotators = report.all.humans.annotators.len();
    line(
        text,
        &format!(
            "{} items, {} and {}",
            report.all.items,
            counted(report.all.judges.len(), "judge"),
            counted(annotators, "annotator")
        ),
    );
    let how = if report.scale_inferred { "inferred from the labels; declare it with --scale" } else { "declared" };
    line(text, &format!("scale {} ({how})", report.scale));
    if !report.counted_as_negative.is_empty() {
        line(text, &format!("counted as negative: {}", report.counted_as_negative.join(", ")));
    }
    let intervals = &report.intervals;
    line(
        text,
        &format!(
            "{:.0} % intervals: Wilson for rates, BCa over {} resamples for the rest (seed {})",
            intervals.confidence * 100.0,
            intervals.resamples,
            intervals.seed
        ),
    );
    if skipped > 0 {
        line(text, &format!("{} could not be read and were left out", counted(skipped, "line")));
    }
    if report.human_off_scale > 0 {
        line(text, &format!("{} off the scale were left out", counted(report.human_off_scale, "human label")));
    }
}

fn section_judge(text: &mut String, name: &str, judge: &JudgeReport, kind: Kind) {
    line(text, "");
    line(text, &format!("judge {name}"));
    for sentence in judge.verdict.split("; ") {
        line(text, &format!("  {sentence}"));
    }
    line(text, "");
    row(text, "pairs", &pairs(judge));
    if judge.unparseable > 0 {
        row(text, "unparseable as wrong", &format!("{} raw agreement", shown(judge.raw_agreement_with_unparseable)));
    }
    for coefficient in telling(kind) {
        let estimate = judge.comparison.coefficients.get(*coefficient);
        row(text, &coefficient.key().replace('_', " "), &shown(estimate));
    }
    if let Some(found) = &judge.calibration {
        row(text, "Brier score of probabilities", &shown(found.brier));
        let right = format!("{} ({:.3} if they were right)", shown(found.ece), found.ece_if_right);
        row(text, "calibration error", &right);
        row(text, "area under the curve", &shown(found.auc));
    }
    if let Some(majority) = &judge.comparison.majority_class {
        row(text, &format!("always saying {}", majority.label), &shown(majority.raw_agreement));
    }
    confusion(text, &judge.comparison);
}

/// What tells something on this kind of scale. The JSON has every coefficient; on a binary scale, for one, all kappas are
/// the same, and so are the correlations.
fn telling(kind: Kind) -> &'static [Coefficient] {
    use Coefficient as C;
    match kind {
        Kind::Binary => &[
            C::RawAgreement,
            C::Tpr,
            C::Tnr,
            C::Ppv,
            C::Npv,
            C::F1,
            C::BalancedAccuracy,
            C::CohenKappa,
            C::GwetAc1,
            C::KrippendorffAlpha,
            C::Mcc,
            C::Bias,
        ],
        Kind::Nominal => {
            &[C::RawAgreement, C::MacroF1, C::BalancedAccuracy, C::CohenKappa, C::GwetAc1, C::KrippendorffAlpha, C::Mcc]
        }
        Kind::Ordinal => &[
            C::RawAgreement,
            C::WeightedKappaQuadratic,
            C::WeightedKappaLinear,
            C::CohenKappa,
            C::GwetAc2Quadratic,
            C::KrippendorffAlpha,
            C::Bias,
            C::Mae,
            C::Spearman,
            C::KendallTauB,
            C::LinCcc,
        ],
        Kind::Numeric => {
            &[C::KrippendorffAlpha, C::Bias, C::Mae, C::Rmse, C::Pearson, C::Spearman, C::KendallTauB, C::LinCcc]
        }
    }
}

fn pairs(judge: &JudgeReport) -> String {
    let left_out = [
        (judge.unparseable, "unparseable"),
        (judge.human_ties, "tied among annotators"),
        (judge.unlabelled, "without a human label"),
    ];
    let parts: Vec<String> =
        left_out.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let (number, effective) = (judge.comparison.pairs, judge.comparison.effective_pairs);
    let weighted = (effective - number as f64).abs() > 0.05;
    let effective = if weighted { format!(", {effective:.1} effective under their weights") } else { String::new() };
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    format!("{number}{effective}{parts}")
}

fn confusion(text: &mut String, comparison: &Comparison) {
    let Some(confusion) = &comparison.confusion else { return };
    if confusion.categories.is_empty() {
        return;
    }
    let names = confusion.categories.iter().map(|name| name.chars().count());
    let width = names.max().unwrap_or(0).max(6) + 2;
    let cells = |cells: Vec<String>| cells.iter().fold(String::new(), |line, cell| format!("{line}{cell:>width$}"));
    line(text, "");
    let header = cells(confusion.categories.clone());
    row(text, "human \\ judge", &format!("{header}{:>width$}{}", "", "recall"));
    for (class, counts) in comparison.classes.iter().zip(&confusion.counts) {
        let counts = cells(counts.iter().map(u64::to_string).collect());
        row(text, &class.label, &format!("{counts}{:>width$}{}", "", shown(class.recall)));
    }
}

fn humans(text: &mut String, section: &Section) {
    let humans = &section.humans;
    line(text, "");
    line(text, "humans");
    let labels: Vec<String> = humans.annotators.iter().map(|(name, labels)| format!("{name} {labels}")).collect();
    row(text, "labels", &labels.join(", "));
    if humans.annotators.len() < 2 {
        row(text, "agreement among them", "- (needs two annotators)");
        return;
    }
    row(text, "items with several labels", &format!("{} ({} tied)", humans.items_with_several, humans.ties));
    row(text, "krippendorff alpha", &shown(humans.krippendorff_alpha));
    row(text, "raw agreement", &shown(humans.raw_agreement));
    for pair in &humans.pairs {
        let [first, second] = &pair.annotators;
        let kappa = shown(pair.cohen_kappa);
        row(
            text,
            &format!("{first} with {second}"),
            &format!("{} on {} items, kappa {kappa}", shown(pair.raw_agreement), pair.pairs),
        );
    }
    for (judge, gap) in &humans.judge_gap {
        row(text, &format!("{judge} minus humans"), &format!("{} closeness to a human", shown(*gap)));
    }
    for (judge, test) in &humans.alt_test {
        row(text, &format!("{judge} as annotator"), &alt_test(test));
    }
}

fn alt_test(test: &AltTestReport) -> String {
    match test {
        AltTestReport::Missing { reason, .. } => format!("- ({reason})"),
        AltTestReport::Done { winning_rate, passed, advantage_probability, epsilon, .. } => {
            let outcome = if *passed { "may replace an annotator" } else { "may not replace an annotator" };
            format!(
                "{outcome}: winning rate {winning_rate:.2}, advantage probability {advantage_probability:.2} (alt-test, epsilon {epsilon})"
            )
        }
    }
}

fn segments(text: &mut String, report: &Report) {
    if report.segments.is_empty() {
        return;
    }
    line(text, "");
    line(text, "segments");
    for (name, section) in &report.segments {
        for (judge, comparison) in section.judges.iter().map(|(judge, report)| (judge, &report.comparison)) {
            row(text, &format!("{name}, {judge}"), &format!("{} pairs", comparison.pairs));
            for coefficient in telling(report.kind).iter().filter(|coefficient| headline(**coefficient)) {
                let estimate = comparison.coefficients.get(*coefficient);
                row(text, &format!("  {}", coefficient.key().replace('_', " ")), &shown(estimate));
            }
        }
    }
}

/// Enough to see in which segment a judge is weak.
fn headline(coefficient: Coefficient) -> bool {
    use Coefficient as C;
    matches!(
        coefficient,
        C::RawAgreement | C::Tpr | C::Tnr | C::CohenKappa | C::WeightedKappaQuadratic | C::Bias | C::Mae | C::Spearman
    )
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::Item;
    use crate::agreement::file::{Options, analyse};

    /// 160 items, three annotators, a judge that passes half of what humans fail, in two segments.
    fn report() -> Report {
        let line = |index: usize| {
            let good = !index.is_multiple_of(4);
            let human = |slips: usize| if (index % 20 == slips) == good { "fail" } else { "pass" };
            let judge = match index {
                7 => "null".to_owned(),
                _ if good || index.is_multiple_of(8) => "\"pass\"".to_owned(),
                _ => "\"fail\"".to_owned(),
            };
            let segment = if index < 100 { "billing" } else { "travel" };
            let (a, b, c) = (human(1), human(2), human(3));
            format!(
                r#"{{"item_id":{index},"segment":"{segment}","human":{{"ann":"{a}","bob":"{b}","eve":"{c}"}},"judge":{{"mini":{judge}}}}}"#
            )
        };
        let items: Vec<Item> = (0..160).map(|index| Item::parse(&line(index)).unwrap()).collect();
        analyse(&items, &Options::default()).unwrap()
    }

    #[test]
    fn every_number_has_its_interval_or_a_reason() {
        insta::assert_snapshot!(render(&report(), 1));
    }
}
