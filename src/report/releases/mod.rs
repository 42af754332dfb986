//! Whether one release of the judged application answers worse than another: of service, prompt or answering model, or
//! before and after a moment.
//!
//! [`ReleaseInput`] is read from cells and labels, [`ReleaseComparison`] computed from it and nothing else. The difference of
//! what the judge passes is freed of the judge's errors, known from labels, and of a changed mix of segments; its interval
//! may be looked at after every deploy.

mod choice;
mod comparison;
mod data;
mod input;
mod sides;
mod words;

pub use choice::{Choice, ChoiceError};
pub use data::{ReleaseComparison, ReleaseVerdict, RubricComparison};
pub use input::ReleaseInput;
pub use sides::{By, Sides};
pub use words::{facts, headline, markdown, text};
