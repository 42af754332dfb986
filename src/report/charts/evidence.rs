//! The evidence of a watch over time, on a logarithmic scale, with its threshold: when did it cross, and is it back?

use super::super::data::Moment;
use super::super::words;
use super::Svg;
use super::fell::Fell;
use super::timeline::{BOTTOM, HEIGHT, LEFT, RIGHT, TOP, time_axis};
use crate::drift::{Course, Series, SeriesStart};
use crate::model::Revisions;

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// The evidence.
    pub course: &'a Course,
    /// The end of the baseline.
    pub baseline_until: Moment,
    /// Falls, in order of time.
    pub falls: &'a [Fell],
}

/// Evidence below this is none, and a logarithm needs a floor.
const FLOOR: f64 = 0.1;
/// Far above its threshold nothing more is to be learnt: the line runs along the upper edge.
const CEILING: f64 = 100.0;

/// Draws the evidence.
pub fn evidence(class: &str, width: f64, title: &str, watched: &Watched<'_>) -> String {
    let course = watched.course;
    let points: Vec<(i64, f64)> = course.points.iter().map(|point| (point.time.0, point.statistic)).collect();
    let first = course.from;
    let until = points.last().map_or(watched.baseline_until.0, |(last, _)| *last).max(first.0 + 1);
    let x = |at: i64| LEFT + (at - first.0) as f64 / (until - first.0) as f64 * (width - LEFT - RIGHT);
    let (low, high) = (FLOOR.log10(), (course.threshold * CEILING).log10());
    let y = |statistic: f64| {
        let share = (statistic.max(FLOOR).log10().min(high) - low) / (high - low);
        TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
    };

    let mut svg = Svg::new(class, width, HEIGHT, title, &describe(watched));
    let end = x(watched.baseline_until.0);
    svg.rect("track", (LEFT, TOP), (end - LEFT, HEIGHT - TOP - BOTTOM));
    svg.text("tick", (LEFT + 5.0, HEIGHT - BOTTOM - 6.0), "start", "baseline");
    let mut decade = 1.0;
    while decade <= course.threshold * CEILING {
        svg.line("grid", (LEFT, y(decade)), (width - RIGHT, y(decade)));
        svg.text("tick", (LEFT - 5.0, y(decade) + 4.0), "end", &words::short_count(decade));
        decade *= 10.0;
    }
    time_axis(&mut svg, (first.0, until), width, 24, &x);
    breaks(&mut svg, &course.series, width, &x);
    svg.line("limit", (LEFT, y(course.threshold)), (width - RIGHT, y(course.threshold)));
    svg.text("limit-name", (LEFT + 5.0, y(course.threshold) - 5.0), "start", "threshold");
    let line: Vec<(f64, f64)> = points.iter().map(|(at, statistic)| (x(*at), y(*statistic))).collect();
    svg.path("course", "polyline", &line);
    for fell in watched.falls {
        mark(
            &mut svg,
            "dot alarm",
            (x(fell.noticed.0), y(course.threshold)),
            width,
            &words::day(fell.noticed),
            "noticed",
        );
        if let Some(back) = fell.back {
            mark(&mut svg, "dot hollow", (x(back.0), y(FLOOR)), width, &words::day(back), "seen back");
        }
    }
    svg.finish()
}

fn mark(svg: &mut Svg, class: &str, at: (f64, f64), width: f64, day: &str, what: &str) {
    svg.circle(class, at, 4.0);
    // Beside the dot and clear of the line that passes through it.
    let (anchor, shift) = if at.0 > width * 0.6 { ("end", -8.0) } else { ("start", 8.0) };
    svg.text("name", (at.0 + shift, at.1 - 7.0), anchor, &format!("{what} {day}"));
}

fn breaks(svg: &mut Svg, series: &[SeriesStart], width: f64, x: &impl Fn(i64) -> f64) {
    for start in series.iter().skip(1) {
        let at = x(start.time.0);
        svg.line("break", (at, TOP - 12.0), (at, HEIGHT - BOTTOM));
        let (anchor, shift) = if at > width * 0.6 { ("end", -5.0) } else { ("start", 5.0) };
        svg.text("tick", (at + shift, TOP - 10.0), anchor, &name(start));
    }
}

/// `v2 gpt-5`, and the revision when it is not the first.
fn name(start: &SeriesStart) -> String {
    let Series { rubric_version, judge_model, revision } = &start.series;
    let version = rubric_version.as_ref().map(|version| format!("v{version}"));
    let model = judge_model.as_ref().map(ToString::to_string);
    let revision = revision.as_ref().map(ToString::to_string);
    let revision = revision.filter(|revision| *revision != Revisions::FIRST.to_string());
    let revision = revision.map(|revision| format!("revision {revision}"));
    version.into_iter().chain(model).chain(revision).collect::<Vec<_>>().join(" ")
}

fn describe(watched: &Watched<'_>) -> String {
    let course = watched.course;
    let mut sentences = vec![format!(
        "Evidence that agreement with people fell, after each label since the baseline ended on {}, on a logarithmic scale. The threshold is {}.",
        words::date(watched.baseline_until),
        words::number(course.threshold)
    )];
    for fell in watched.falls {
        sentences.push(match fell.back {
            None => format!("It crossed the threshold on {}.", words::date(fell.noticed)),
            Some(back) => format!(
                "It crossed the threshold on {}; agreement was seen to be back on {}, and the watch began anew.",
                words::date(fell.noticed),
                words::date(back)
            ),
        });
    }
    if watched.falls.is_empty() {
        let highest = course.highest().map(|point| (point.time, point.statistic));
        sentences.extend(highest.map(|(moment, statistic)| {
            format!("It never crossed it; its highest was {} on {}.", words::number(statistic), words::date(moment))
        }));
    }
    let later = course.series.iter().skip(1);
    sentences
        .extend(later.map(|start| format!("A new series, {}, begins on {}.", name(start), words::date(start.time))));
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::EvidencePoint;

    fn day(day: u32) -> Moment {
        Moment::from(format!("2026-10-{day:02}T00:00:00Z").parse::<jiff::Timestamp>().unwrap())
    }

    fn course(points: &[(u32, f64)], series: &[(u32, u32)]) -> Course {
        let point = |(label, (at, statistic)): (usize, &(u32, f64))| EvidencePoint {
            time: day(*at),
            label,
            statistic: *statistic,
        };
        let start = |(at, version): &(u32, u32)| SeriesStart {
            time: day(*at),
            series: Series { rubric_version: Some((*version).into()), ..Series::default() },
        };
        Course {
            from: day(1),
            threshold: 1_000.0,
            points: points.iter().enumerate().map(point).collect(),
            series: series.iter().map(start).collect(),
        }
    }

    fn drawn(course: &Course, falls: &[Fell]) -> String {
        let baseline_until = day(5);
        evidence("chart", 330.0, "faithfulness", &Watched { course, baseline_until, falls })
    }

    const FALL: [(u32, f64); 6] = [(6, 0.8), (8, 40.0), (10, 1_200.0), (12, 1e9), (14, 0.0), (16, 2.0)];

    #[test]
    fn the_chart_says_in_words_what_it_shows() {
        let of = day;
        let description = |drawing: &str| {
            let (_, rest) = drawing.split_once("<desc>").unwrap();
            rest.split_once("</desc>").unwrap().0.to_owned()
        };
        let fell = Fell { noticed: of(10), back: Some(of(14)) };
        insta::assert_snapshot!(description(&drawn(&course(&FALL, &[(1, 1), (9, 2)]), &[fell])), @"Evidence that agreement with people fell, after each label since the baseline ended on 5 Oct 2026, on a logarithmic scale. The threshold is 1000. It crossed the threshold on 10 Oct 2026; agreement was seen to be back on 14 Oct 2026, and the watch began anew. A new series, v2, begins on 9 Oct 2026.");
        insta::assert_snapshot!(description(&drawn(&course(&FALL[..2], &[(1, 1)]), &[])), @"Evidence that agreement with people fell, after each label since the baseline ended on 5 Oct 2026, on a logarithmic scale. The threshold is 1000. It never crossed it; its highest was 40.00 on 8 Oct 2026.");
    }

    #[test]
    fn nothing_is_drawn_outside_of_the_chart() {
        let drawing = drawn(&course(&FALL, &[(1, 1)]), &[]);
        let (_, rest) = drawing.split_once("<polyline class=\"course\" points=\"").unwrap();
        for point in rest.split_once('"').unwrap().0.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            assert!((LEFT..=330.0 - RIGHT).contains(&x.parse().unwrap()), "{drawing}");
            assert!((TOP..=HEIGHT - BOTTOM).contains(&y.parse().unwrap()), "{drawing}");
        }
    }
}
