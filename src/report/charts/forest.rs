//! Shares with their intervals, one under the other on a common axis from 0 to 1: what must be read side by side.

use super::super::words;
use super::Svg;
use crate::statistics::Estimate;

/// One line of the plot.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// What it is.
    pub name: &'a str,
    /// How much.
    pub estimate: Estimate,
    /// Whether it is what the others stand beside.
    pub main: bool,
}

const ROW: f64 = 46.0;
const SIDE: f64 = 8.0;
const AXIS: f64 = 22.0;

/// What the axis shows.
struct Axis {
    low: f64,
    high: f64,
    ticks: [f64; 5],
    /// How a tick and a value without an interval are written.
    value: words::Form,
    estimate: fn(&Estimate) -> String,
}

/// Shares, from 0 to 1. The number stands beside the name, the interval below it.
pub fn forest(class: &str, width: f64, title: &str, rows: &[Row<'_>]) -> String {
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
    let axis = Axis { low: 0.0, high: 1.0, ticks, value: words::percent, estimate: words::percent_estimate };
    plot(class, width, title, rows, &axis)
}

/// Differences of shares, around 0, as far as the largest limit reaches.
pub fn differences(class: &str, width: f64, title: &str, rows: &[Row<'_>]) -> String {
    let limits = rows.iter().filter_map(|row| row.estimate.interval()).flat_map(|one| [one.low, one.high]);
    let values = rows.iter().filter_map(|row| row.estimate.value());
    let reach = limits.chain(values).map(f64::abs).fold(0.05, f64::max).min(1.0);
    let ticks = [-reach, -reach / 2.0, 0.0, reach / 2.0, reach];
    let axis = Axis { low: -reach, high: reach, ticks, value: words::points, estimate: words::points_beside };
    plot(class, width, title, rows, &axis)
}

fn plot(class: &str, width: f64, title: &str, rows: &[Row<'_>], axis: &Axis) -> String {
    let height = ROW * rows.len() as f64 + AXIS;
    let description: Vec<String> =
        rows.iter().map(|row| format!("{}: {}.", row.name, (axis.estimate)(&row.estimate))).collect();
    let mut svg = Svg::new(class, width, height, title, &description.join(" "));
    let x = |value: f64| {
        let share = (value.clamp(axis.low, axis.high) - axis.low) / (axis.high - axis.low);
        SIDE + share * (width - 2.0 * SIDE)
    };
    for tick in axis.ticks {
        svg.line("grid", (x(tick), 0.0), (x(tick), height - AXIS));
        let (anchor, at) = if tick == axis.low {
            ("start", x(tick) - SIDE)
        } else if tick == axis.high {
            ("end", x(tick) + SIDE)
        } else {
            ("middle", x(tick))
        };
        svg.text("tick", (at, height - 6.0), anchor, &(axis.value)(tick));
    }
    for (index, row) in rows.iter().enumerate() {
        let top = ROW * index as f64;
        let kind = if row.main { "main" } else { "other" };
        svg.rect("backing", (0.0, top + 2.0), (width, 20.0));
        svg.text(&format!("name {kind}"), (0.0, top + 17.0), "start", row.name);
        let shown = match row.estimate {
            Estimate::Interval(..) => (axis.estimate)(&row.estimate),
            Estimate::Bare(value, _) => (axis.value)(value),
            Estimate::Undefined(_) => "not known".to_owned(),
        };
        svg.text(&format!("figure {kind}"), (width, top + 17.0), "end", &shown);
        let y = top + 33.0;
        if let Some(interval) = row.estimate.interval() {
            svg.line(&format!("interval {kind}"), (x(interval.low), y), (x(interval.high), y));
        }
        match row.estimate.value() {
            Some(value) => {
                let hollow = if row.estimate.interval().is_none() { " hollow" } else { "" };
                svg.circle(&format!("dot {kind}{hollow}"), (x(value), y), 4.5);
            }
            None => svg.text(
                "tick",
                (x(axis.low), y + 4.0),
                "start",
                &row.estimate.reason().map_or_else(String::new, |reason| reason.to_string()),
            ),
        }
    }
    svg.finish()
}

/// One estimate in [0, 1] as a small dot and interval, for a table cell.
pub fn whisker(width: f64, title: &str, estimate: &Estimate) -> String {
    let height = 16.0;
    let mut svg = Svg::new("whisker", width, height, title, &words::percent_estimate(estimate));
    let x = |share: f64| 4.0 + share.clamp(0.0, 1.0) * (width - 8.0);
    let y = height / 2.0;
    svg.line("grid", (x(0.0), y), (x(1.0), y));
    svg.line("grid", (x(0.5), y - 3.0), (x(0.5), y + 3.0));
    if let Some(interval) = estimate.interval() {
        svg.line("interval main", (x(interval.low), y), (x(interval.high), y));
    }
    if let Some(value) = estimate.value() {
        let hollow = if estimate.interval().is_none() { " hollow" } else { "" };
        svg.circle(&format!("dot main{hollow}"), (x(value), y), 3.5);
    }
    svg.finish()
}
