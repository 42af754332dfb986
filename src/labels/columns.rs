//! The headings of a table and the members of an object, and what they mean.

use std::collections::{BTreeMap, BTreeSet};

use super::error::FileError;

macro_rules! columns {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// What a heading or member may hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Column {
            $($variant),+
        }

        impl Column {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

columns! {
    SubjectId = "subject_id",
    TraceId = "trace_id",
    SpanId = "span_id",
    Rubric = "rubric",
    Annotator = "annotator",
    Score = "score",
    Label = "label",
    Pass = "pass",
    Skipped = "skipped",
    Rationale = "rationale",
    LabelledAt = "labelled_at",
    FirstSeenAt = "first_seen_at",
    Stream = "stream",
    Probability = "probability",
    Draw = "draw",
    Adjudicates = "adjudicates",
    // What files of judged show besides, or what became of a line before; not read back.
    Question = "question",
    Scale = "scale",
    Item = "item",
    Input = "input",
    Output = "output",
    Documents = "documents",
    Said = "said",
    Via = "via",
    InsteadOf = "instead_of",
    RefusedBecause = "refused_because",
}

impl Column {
    /// The column of a name, whatever its case, space and punctuation.
    pub(super) fn named(name: &str) -> Option<Self> {
        let letters = letters(name);
        Self::ALL.iter().copied().find(|column| self::letters(column.name()) == letters)
    }
}

fn letters(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What the person at the terminal says of a file whose headings are not judged's.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    /// Headings under which something is found: judged's name, then theirs.
    pub columns: Vec<(String, String)>,
    /// The rubric of lines that name none.
    pub rubric: Option<String>,
    /// Who gave the labels of lines that name nobody.
    pub annotator: Option<String>,
}

/// Which heading means which column.
#[derive(Debug, Default)]
pub(super) struct Columns {
    theirs: Vec<(Column, String)>,
    meanings: BTreeMap<String, Option<Column>>,
    unknown: BTreeSet<String>,
}

impl Columns {
    /// The meanings with those that were named.
    pub(super) fn new(naming: &Naming) -> Result<Self, FileError> {
        let mut theirs = Vec::new();
        for (ours, heading) in &naming.columns {
            let Some(column) = Column::named(ours) else {
                let known: Vec<&str> = Column::ALL
                    .iter()
                    .filter(|column| **column < Column::Question)
                    .map(|column| column.name())
                    .collect();
                return Err(FileError::UnknownColumn { name: ours.clone(), known: known.join(", ") });
            };
            theirs.push((column, heading.clone()));
        }
        Ok(Self { theirs, ..Self::default() })
    }

    /// What a heading means; those that mean nothing are remembered.
    pub(super) fn meaning(&mut self, heading: &str) -> Option<Column> {
        if let Some(known) = self.meanings.get(heading) {
            return *known;
        }
        let meant = letters(heading);
        let renamed = self.theirs.iter().find(|(_, theirs)| letters(theirs) == meant).map(|(column, _)| *column);
        // What is found under another name is not found under its own.
        let own = Column::named(heading).filter(|column| !self.theirs.iter().any(|(other, _)| other == column));
        let meaning = renamed.or(own);
        if meaning.is_none() && !heading.trim().is_empty() {
            self.unknown.insert(heading.trim().to_owned());
        }
        self.meanings.insert(heading.to_owned(), meaning);
        meaning
    }

    /// Headings that mean nothing here.
    pub(super) fn unknown(&self) -> Vec<String> {
        self.unknown.iter().cloned().collect()
    }

    /// Whether a table of these headings can hold labels.
    pub(super) fn check(&mut self, headings: &[String], naming: &Naming) -> Result<(), FileError> {
        let mut found: Vec<(Column, &String)> = Vec::new();
        for heading in headings {
            let Some(column) = self.meaning(heading) else { continue };
            if let Some((_, one)) = found.iter().find(|(earlier, _)| *earlier == column) {
                return Err(FileError::Twice { column: column.name(), one: (*one).clone(), other: heading.clone() });
            }
            found.push((column, heading));
        }
        let has = |any: &[Column]| found.iter().any(|(column, _)| any.contains(column));
        let mut missing = Vec::new();
        if !has(&[Column::SubjectId, Column::TraceId]) {
            missing.push("`trace_id` (or `subject_id`)");
        }
        if !has(&[Column::Rubric]) && naming.rubric.is_none() {
            missing.push("`rubric`");
        }
        if !has(&[Column::Annotator]) && naming.annotator.is_none() {
            missing.push("`annotator`");
        }
        if !has(&[Column::Score, Column::Label, Column::Pass]) {
            missing.push("a verdict (`score`, `label` or `pass`)");
        }
        if missing.is_empty() {
            return Ok(());
        }
        let found: Vec<&str> = headings.iter().map(|heading| heading.trim()).collect();
        let can_be_said = missing.iter().any(|name| ["`rubric`", "`annotator`"].contains(name));
        Err(FileError::Headings {
            missing: missing.join(", "),
            found: found.join(", "),
            options: if can_be_said { "; --rubric and --annotator say what is the same in all lines" } else { "" },
        })
    }

    /// How many of these headings mean something: what tells the separator of a table.
    pub(super) fn known_among(headings: &[String], naming: &Naming) -> usize {
        let Ok(mut columns) = Self::new(naming) else { return 0 };
        headings.iter().filter(|heading| columns.meaning(heading).is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(columns: &[(&str, &str)]) -> Naming {
        let columns = columns.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect();
        Naming { columns, ..Naming::default() }
    }

    fn checked(headings: &[&str], naming: &Naming) -> Result<Vec<String>, String> {
        let mut columns = Columns::new(naming).map_err(|error| error.to_string())?;
        let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
        columns.check(&headings, naming).map_err(|error| error.to_string())?;
        Ok(columns.unknown())
    }

    #[test]
    fn headings_are_known_whatever_their_case_and_others_are_passed_over() {
        let found = checked(&["Trace ID", "RUBRIC", "annotator", "Score ", "my notes", ""], &Naming::default());
        assert_eq!(found, Ok(vec!["my notes".to_owned()]));
    }

    #[test]
    fn a_heading_may_be_called_otherwise() {
        let said = naming(&[("annotator", "Who"), ("labelled_at", "created_at")]);
        assert_eq!(checked(&["trace_id", "rubric", "who", "label", "created at"], &said), Ok(vec![]));
        assert!(checked(&["x"], &naming(&[("rating", "x")])).unwrap_err().contains("labels have no column `rating`"));
    }

    #[test]
    fn one_message_says_what_a_table_lacks() {
        let error = checked(&["id", "text", "verdict"], &Naming::default()).unwrap_err();
        insta::assert_snapshot!(error);
        let error = checked(&["trace_id", "Trace Id", "rubric", "annotator", "label"], &Naming::default()).unwrap_err();
        assert!(error.contains("both mean `trace_id`"), "{error}");
    }
}
