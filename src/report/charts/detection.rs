//! How long it takes to see a drop: weeks against labels a week, both logarithmic, so that each drop is a straight line.

use super::super::words;
use super::Svg;

/// One drop.
#[derive(Debug, Clone, PartialEq)]
pub struct Drop {
    /// What to call it.
    pub name: String,
    /// Labels after which half of such drops are seen.
    pub median: f64,
    /// Labels after which nine of ten are; none when that is beyond what was simulated.
    pub nine_of_ten: Option<f64>,
}

/// What can be afforded and what is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Labels a week.
    pub labels_per_week: f64,
    /// In how many weeks a drop is to be seen.
    pub weeks: f64,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;
const WEEKS: (f64, f64) = (0.25, 64.0);
const RATES: (f64, f64) = (10.0, 500.0);

/// Colours and fonts of a drawing that stands alone, in light, dark and print.
const STANDALONE: &str = "svg{--paper:#fbfaf7;--ink:#1d2127;--soft:#5b6470;--rule:#e2dfd7;--accent:#24557f;--band:rgba(36,85,127,.16);--bad:#a5322a;background:var(--paper);font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif}\
@media (prefers-color-scheme:dark){svg{--paper:#14171b;--ink:#e6e4de;--soft:#a3abb5;--rule:#30363e;--accent:#8cbbe4;--band:rgba(140,187,228,.2);--bad:#f09a90}}\
@media print{svg{--paper:#fff;--ink:#000;--soft:#444;--rule:#ccc;--accent:#24557f;--band:rgba(36,85,127,.16);--bad:#a5322a}}\
text{fill:var(--ink)}.tick{fill:var(--soft);font-size:12px}.title{font-size:16px;font-weight:600}.name{font-weight:600;paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}\
.grid{stroke:var(--rule)}.band{fill:var(--band)}.course{fill:none;stroke:var(--accent);stroke-width:2}.limit{stroke:var(--bad);stroke-width:1.25;stroke-dasharray:6 3}.limit-name{fill:var(--bad);font-size:12px}";

/// Draws it as a file of its own.
pub fn detection(title: &str, drops: &[Drop], budget: Budget) -> String {
    let rates = (RATES.0.min(budget.labels_per_week), RATES.1.max(budget.labels_per_week));
    let share = |value: f64, (low, high): (f64, f64)| (value / low).ln() / (high / low).ln();
    let x = |rate: f64| LEFT + share(rate, rates) * (WIDTH - LEFT - RIGHT);
    let y = |weeks: f64| TOP + (1.0 - share(weeks, WEEKS)) * (HEIGHT - TOP - BOTTOM);

    let mut svg = Svg::standalone(WIDTH, HEIGHT, title, &describe(drops, budget), STANDALONE);
    svg.text("title", (LEFT, 20.0), "start", title);
    for weeks in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0] {
        svg.line("grid", (LEFT, y(weeks)), (WIDTH - RIGHT, y(weeks)));
        svg.text("tick", (LEFT - 6.0, y(weeks) + 4.0), "end", &weeks.to_string());
    }
    for rate in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0] {
        if (rates.0..=rates.1).contains(&rate) {
            svg.line("grid", (x(rate), TOP), (x(rate), HEIGHT - BOTTOM));
            svg.text("tick", (x(rate), HEIGHT - BOTTOM + 17.0), "middle", &words::short_count(rate));
        }
    }
    svg.text(
        "tick",
        (LEFT, TOP - 8.0),
        "start",
        "weeks until half of such drops are seen; the band reaches to nine of ten",
    );
    svg.text("tick", (WIDTH - RIGHT, HEIGHT - 12.0), "end", "labels a week");
    let within = |labels: f64| line(labels, rates).map(|(rate, weeks)| (x(rate), y(weeks)));
    for drop in drops {
        if let Some(most) = drop.nine_of_ten {
            let edge: Vec<(f64, f64)> =
                band(drop.median, most, rates).into_iter().map(|(rate, weeks)| (x(rate), y(weeks))).collect();
            svg.path("band", "polygon", &edge);
        }
    }
    for drop in drops {
        svg.path("course", "polyline", &within(drop.median));
    }
    svg.line("limit", (x(budget.labels_per_week), TOP), (x(budget.labels_per_week), HEIGHT - BOTTOM));
    let affordable = format!("{} labels a week", budget.labels_per_week);
    svg.text("limit-name", (x(budget.labels_per_week) + 5.0, TOP + 14.0), "start", &affordable);
    if (WEEKS.0..=WEEKS.1).contains(&budget.weeks) {
        svg.line("limit", (LEFT, y(budget.weeks)), (WIDTH - RIGHT, y(budget.weeks)));
        let wanted = format!("{} weeks", budget.weeks);
        svg.text("limit-name", (WIDTH - RIGHT - 4.0, y(budget.weeks) - 5.0), "end", &wanted);
    }
    for drop in drops {
        let [(start, height), _] = within(drop.median);
        svg.text("name", (start + 8.0, height + 18.0), "start", &drop.name);
    }
    svg.finish()
}

/// The part of `weeks = labels / rate` that lies on the chart.
fn line(labels: f64, rates: (f64, f64)) -> [(f64, f64); 2] {
    [labels / WEEKS.1, labels / WEEKS.0].map(|rate| {
        let rate = rate.clamp(rates.0, rates.1);
        (rate, (labels / rate).clamp(WEEKS.0, WEEKS.1))
    })
}

/// What lies between two such lines, cut to the chart.
fn band(from: f64, to: f64, rates: (f64, f64)) -> Vec<(f64, f64)> {
    const STEPS: i32 = 80;
    let rate = |step: i32| rates.0 * (rates.1 / rates.0).powf(f64::from(step) / f64::from(STEPS));
    let edge = move |labels: f64| move |step: i32| (rate(step), (labels / rate(step)).clamp(WEEKS.0, WEEKS.1));
    (0..=STEPS).map(edge(to)).chain((0..=STEPS).rev().map(edge(from))).collect()
}

fn describe(drops: &[Drop], budget: Budget) -> String {
    let mut sentences =
        vec![format!("Weeks until a drop of agreement is seen, at {} labels a week.", budget.labels_per_week)];
    for drop in drops {
        let weeks = |labels: f64| words::number(labels / budget.labels_per_week);
        let most = drop.nine_of_ten.map_or_else(|| "beyond what was simulated".to_owned(), weeks);
        sentences.push(format!("{}: half within {}, nine of ten within {most}.", drop.name, weeks(drop.median)));
    }
    sentences.join(" ")
}
