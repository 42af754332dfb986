//! Which parts of the material of an evaluation were cut off, or may have been.

use std::ops::BitOr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Named as _;
use super::named::named_enum;

named_enum! {
    /// A part of which something may be missing.
    pub enum CutPart {
        Input = "input",
        Output = "output",
        Documents = "documents",
        ToolCalls = "tool_calls",
        Steps = "steps",
        Turns = "turns",
        /// A part that a newer release names.
        Unknown = "unknown",
    }
}

/// A set of parts; in JSON the list of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CutParts(u8);

impl CutParts {
    pub const NONE: Self = Self(0);

    pub fn contains(self, part: CutPart) -> bool {
        self.0 & Self::from(part).0 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn without(self, part: CutPart) -> Self {
        Self(self.0 & !Self::from(part).0)
    }

    /// Those of them that are among `parts`.
    pub fn only(self, parts: &[CutPart]) -> Self {
        self.iter().filter(|part| parts.contains(part)).collect()
    }

    /// `part` where `is_cut`, else nothing.
    pub fn of(part: CutPart, is_cut: bool) -> Self {
        if is_cut { part.into() } else { Self::NONE }
    }

    pub fn iter(self) -> impl Iterator<Item = CutPart> {
        CutPart::ALL.iter().copied().filter(move |part| self.contains(*part))
    }
}

impl From<CutPart> for CutParts {
    fn from(part: CutPart) -> Self {
        Self(1 << part as u8)
    }
}

impl BitOr for CutParts {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<CutPart> for CutParts {
    fn from_iter<I: IntoIterator<Item = CutPart>>(parts: I) -> Self {
        parts.into_iter().fold(Self::NONE, |all, part| all | part.into())
    }
}

impl Serialize for CutParts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for CutParts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().map(|name| CutPart::parse(name).unwrap_or(CutPart::Unknown)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_back_from_the_names_of_its_parts() {
        for parts in [CutParts::NONE, CutPart::Output.into(), CutPart::ALL.iter().copied().collect()] {
            let json = serde_json::to_string(&parts).unwrap();
            assert_eq!(serde_json::from_str::<CutParts>(&json).unwrap(), parts);
        }
        let two = CutParts::from(CutPart::Input) | CutPart::Steps.into();
        assert_eq!(serde_json::to_string(&two).unwrap(), r#"["input","steps"]"#);
        let newer: CutParts = serde_json::from_str(r#"["input","pictures"]"#).unwrap();
        assert_eq!(newer, CutParts::from(CutPart::Input) | CutPart::Unknown.into(), "a newer release has cut more");
        assert_eq!(two.without(CutPart::Steps), CutPart::Input.into());
    }
}
