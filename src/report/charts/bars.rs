//! How often each level was given: a bar for the share, a whisker for its interval.

use super::super::words;
use super::Svg;
use crate::statistics::Estimate;

/// One level.
#[derive(Debug, Clone)]
pub struct Bar<'a> {
    /// The level.
    pub level: &'a str,
    /// What it means.
    pub meaning: &'a str,
    /// How often.
    pub count: u64,
    /// Which share.
    pub share: Estimate,
}

const ROW: f64 = 40.0;
const TEXT_WIDTH: usize = 42;

/// Draws the bars, the first at the top.
pub fn bars(class: &str, width: f64, title: &str, bars: &[Bar<'_>]) -> String {
    let description: Vec<String> = bars
        .iter()
        .map(|bar| {
            format!("{}: {} ({}).", bar.level, words::percent_estimate(&bar.share), words::count(bar.count as i64))
        })
        .collect();
    let mut svg = Svg::new(class, width, ROW * bars.len() as f64, title, &description.join(" "));
    let x = |share: f64| share.clamp(0.0, 1.0) * (width - 4.0);
    for (index, bar) in bars.iter().enumerate() {
        let top = ROW * index as f64;
        let name =
            if bar.meaning.is_empty() { bar.level.to_owned() } else { format!("{}  {}", bar.level, bar.meaning) };
        svg.text("name other", (0.0, top + 15.0), "start", &shortened(&name, TEXT_WIDTH));
        let figure = match bar.share {
            Estimate::Undefined(_) => "–".to_owned(),
            Estimate::Interval(value, _) | Estimate::Bare(value, _) => words::percent(value),
        };
        svg.text("figure", (width, top + 15.0), "end", &figure);
        svg.rect("track", (0.0, top + 22.0), (width, 8.0));
        if let Some(share) = bar.share.value() {
            svg.rect("bar", (0.0, top + 22.0), (x(share), 8.0));
        }
        if let Some(interval) = bar.share.interval() {
            svg.line("interval over", (x(interval.low), top + 26.0), (x(interval.high), top + 26.0));
        }
    }
    svg.finish()
}

fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(characters - 1).collect();
    format!("{}…", kept.trim_end())
}
