//! A value over time: a line for each series, its interval as a band, a break where a new series begins.

use super::super::data::{Moment, Point, Timeline};
use super::super::words;
use super::Svg;
use crate::model::HOUR_MS;

/// One series on the chart.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// What to call it at its beginning.
    pub name: &'a str,
    /// Its points.
    pub timeline: &'a Timeline,
    /// Whether it is drawn faintly, for comparison.
    pub faint: bool,
}

pub(super) const HEIGHT: f64 = 210.0;
pub(super) const LEFT: f64 = 40.0;
pub(super) const RIGHT: f64 = 14.0;
pub(super) const TOP: f64 = 24.0;
pub(super) const BOTTOM: f64 = 26.0;
/// About the width of a character of a name.
const CHARACTER: f64 = 7.0;

/// Draws `courses` over their common time, values from 0 to 1.
pub fn timeline(class: &str, width: f64, title: &str, courses: &[Course<'_>]) -> String {
    let hours = courses.first().map_or(24, |course| course.timeline.hours);
    let width_ms = i64::from(hours) * HOUR_MS;
    let starts = || courses.iter().flat_map(|course| course.timeline.points.iter().map(|point| point.start.0));
    let (Some(first), Some(last)) = (starts().min(), starts().max()) else { return String::new() };
    let until = last + width_ms;
    let x = |at: i64| LEFT + (at - first) as f64 / (until - first).max(1) as f64 * (width - LEFT - RIGHT);
    let y = |value: f64| TOP + (1.0 - value.clamp(0.0, 1.0)) * (HEIGHT - TOP - BOTTOM);
    let middle = |point: &Point| x(point.start.0 + width_ms / 2);

    let mut svg = Svg::new(class, width, HEIGHT, title, &describe(courses, hours));
    for tenths in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.line("grid", (LEFT, y(tenths)), (width - RIGHT, y(tenths)));
        if tenths != 0.25 && tenths != 0.75 {
            svg.text("tick", (LEFT - 6.0, y(tenths) + 4.0), "end", &format!("{tenths}"));
        }
    }
    time_axis(&mut svg, (first, until), width, hours, &x);
    // Comparisons lie underneath.
    for course in courses.iter().filter(|course| course.faint).chain(courses.iter().filter(|course| !course.faint)) {
        let known: Vec<&Point> = course.timeline.points.iter().filter(|point| point.value.value().is_some()).collect();
        let kind = if course.faint { " faint" } else { "" };
        for run in runs(&known, |point| point.value.interval().is_some()) {
            let upper = run.iter().filter_map(|point| Some((middle(point), y(point.value.interval()?.high))));
            let lower = run.iter().rev().filter_map(|point| Some((middle(point), y(point.value.interval()?.low))));
            if !course.faint && run.len() > 1 {
                svg.path("band", "polygon", &upper.chain(lower).collect::<Vec<_>>());
            }
        }
        let line: Vec<(f64, f64)> =
            known.iter().filter_map(|point| Some((middle(point), y(point.value.value()?)))).collect();
        svg.path(&format!("course{kind}"), "polyline", &line);
        for point in &known {
            let at = (middle(point), y(point.value.value().unwrap_or(0.0)));
            let hollow = if point.value.interval().is_none() { " hollow" } else { "" };
            if !course.faint {
                svg.circle(&format!("dot{hollow}"), at, 3.0);
            }
        }
    }
    breaks(&mut svg, courses, width, &x);
    svg.finish()
}

fn breaks(svg: &mut Svg, courses: &[Course<'_>], width: f64, x: &impl Fn(i64) -> f64) {
    let mut starts: Vec<(i64, &str)> = courses
        .iter()
        .filter(|course| !course.faint)
        .filter_map(|course| Some((course.timeline.points.first()?.start.0, course.name)))
        .collect();
    starts.sort_unstable();
    // From the right: of names that would stand over each other the newest is written, all of them are in the description.
    let mut free_until = width;
    for (index, (at, name)) in starts.iter().enumerate().rev() {
        let at = x(*at);
        if index > 0 {
            svg.line("break", (at, TOP - 12.0), (at, HEIGHT - BOTTOM));
        }
        let anchor = if at > width * 0.6 { "end" } else { "start" };
        let shift = if anchor == "end" {
            -5.0
        } else if index == 0 {
            0.0
        } else {
            5.0
        };
        let length = name.chars().count() as f64 * CHARACTER;
        let begin = if anchor == "end" { at + shift - length } else { at + shift };
        if begin + length <= free_until || index + 1 == starts.len() {
            svg.text("name", (at + shift, TOP - 10.0), anchor, name);
            free_until = begin - CHARACTER;
        }
    }
}

/// Ticks under the chart, as many as there is room for.
pub(super) fn time_axis(svg: &mut Svg, (first, until): (i64, i64), width: f64, hours: u32, x: &impl Fn(i64) -> f64) {
    let room = ((width - LEFT - RIGHT) / 76.0).max(2.0) as i64;
    let steps: [i64; 11] = [1, 2, 3, 6, 12, 24, 48, 120, 168, 336, 672];
    let span = until - first;
    // No finer than the points: the ticks between two days would all bear the same date.
    let steps = steps.into_iter().filter(|step| *step >= i64::from(hours.min(24)));
    let step = steps.map(|hours| hours * HOUR_MS).find(|step| span / step <= room).unwrap_or(span.max(1));
    let mut at = first - first.rem_euclid(step);
    while at < until {
        if at >= first {
            let moment = Moment(at);
            let text = if step < 24 * HOUR_MS && hours < 24 && at.rem_euclid(24 * HOUR_MS) != 0 {
                words::hour(moment)
            } else {
                words::day(moment)
            };
            let anchor = if x(at) < LEFT + 16.0 { "start" } else { "middle" };
            svg.line("grid", (x(at), HEIGHT - BOTTOM), (x(at), HEIGHT - BOTTOM + 4.0));
            if x(at) < width - 18.0 {
                svg.text("tick", (x(at), HEIGHT - 8.0), anchor, &text);
            }
        }
        at += step;
    }
}

/// Runs of consecutive points for which `holds`.
fn runs<'a>(points: &[&'a Point], holds: impl Fn(&Point) -> bool) -> Vec<Vec<&'a Point>> {
    let mut runs = vec![Vec::new()];
    for point in points {
        if holds(point) {
            if let Some(run) = runs.last_mut() {
                run.push(*point);
            }
        } else {
            runs.push(Vec::new());
        }
    }
    runs
}

fn describe(courses: &[Course<'_>], hours: u32) -> String {
    let mut sentences = vec![format!("Mean value by {}, from 0 to 1, with 95 % intervals.", words::width(hours))];
    for course in courses {
        let known = || course.timeline.points.iter().filter(|point| point.value.value().is_some());
        if let (Some(first), Some(last)) = (known().next(), known().next_back()) {
            sentences.push(format!(
                "{}: {} on {}, {} on {}.",
                course.name,
                words::number_estimate(&first.value),
                words::date(first.start),
                words::number_estimate(&last.value),
                words::date(last.start)
            ));
        }
    }
    sentences.join(" ")
}
