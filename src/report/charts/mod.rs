//! Charts as inline SVG: colours by CSS variables, text alternatives, no script.
//!
//! Every chart is drawn at the size at which it is shown, so that its text keeps the page's size; a chart for wide and
//! narrow screens is drawn twice.

mod bars;
mod detection;
mod evidence;
mod fell;
mod forest;
mod timeline;

pub use bars::{Bar, bars};
pub use detection::{Budget, Drop, detection};
pub use evidence::{Watched, evidence};
pub use fell::Fell;
pub use forest::{Row, differences, forest, whisker};
pub use timeline::{Course, timeline};

use std::fmt::Write as _;

/// An SVG element being written.
pub(super) struct Svg {
    text: String,
}

impl Svg {
    /// A drawing with its name and description for those who cannot see it.
    pub(super) fn new(class: &str, width: f64, height: f64, title: &str, description: &str) -> Self {
        let text = format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" role=\"img\" preserveAspectRatio=\"xMinYMin meet\">\
             <title>{}</title><desc>{}</desc>",
            trim(width),
            trim(height),
            trim(width),
            trim(height),
            escape(title),
            escape(description)
        );
        Self { text }
    }

    /// The same as a file of its own, which brings its style along.
    pub(super) fn standalone(width: f64, height: f64, title: &str, description: &str, style: &str) -> Self {
        let mut svg = Self::new("standalone", width, height, title, description);
        svg.text = svg.text.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
        svg.push(&format!("<style>{style}</style>"));
        svg.push(&format!("<rect fill=\"var(--paper)\" width=\"{}\" height=\"{}\"/>", trim(width), trim(height)));
        svg
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.push(&format!(
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            trim(from.0),
            trim(from.1),
            trim(to.0),
            trim(to.1)
        ));
    }

    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        self.push(&format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"/>",
            trim(at.0),
            trim(at.1),
            trim(size.0.max(0.0)),
            trim(size.1.max(0.0))
        ));
    }

    pub(super) fn circle(&mut self, class: &str, at: (f64, f64), radius: f64) {
        self.push(&format!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
            trim(at.0),
            trim(at.1),
            trim(radius)
        ));
    }

    pub(super) fn path(&mut self, class: &str, element: &str, points: &[(f64, f64)]) {
        let mut list = String::new();
        for (x, y) in points {
            // Writing to a String cannot fail.
            let _written = write!(list, "{},{} ", trim(*x), trim(*y));
        }
        self.push(&format!("<{element} class=\"{class}\" points=\"{}\"/>", list.trim_end()));
    }

    /// `anchor` is `start`, `middle` or `end`.
    pub(super) fn text(&mut self, class: &str, at: (f64, f64), anchor: &str, text: &str) {
        self.push(&format!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            trim(at.0),
            trim(at.1),
            escape(text)
        ));
    }

    pub(super) fn finish(mut self) -> String {
        self.push("</svg>");
        self.text
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

/// Two decimals at most: a hundredth of a pixel is nothing.
fn trim(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text as it may stand in markup.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in XML, and nothing to see.
            control if control.is_control() && !matches!(control, '\n' | '\t') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        let mut svg = Svg::new("c", 10.0, 10.0, "<script>", "\"&'");
        svg.text("t", (1.0, 2.505), "start", "</text><script>alert(1)</script>\u{0}");
        let drawn = svg.finish();
        assert!(!drawn.contains("<script>"), "{drawn}");
        assert!(drawn.contains("y=\"2.5\"") || drawn.contains("y=\"2.51\""), "{drawn}");
    }
}
