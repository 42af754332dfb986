//! Tables for people: columns as wide as their widest cell, numbers to the right.

use super::harmless::is_obeyed;

/// A table being built.
#[derive(Debug, Default)]
pub(in crate::cli) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(in crate::cli) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row. A cell is one line, and nothing in it moves the cursor.
    pub(in crate::cli) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| one_line(cell)).collect());
    }

    /// The table as text, a line for each row, each line indented by two spaces.
    pub(in crate::cli) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let widths: Vec<usize> =
            (0..columns).map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
        let numeric: Vec<bool> = (0..columns)
            .map(|column| {
                cells(column).skip(1).all(|cell| cell.starts_with(|first: char| first.is_ascii_digit()) || cell == "-")
            })
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::from(" ");
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let padding = " ".repeat(width - cell.chars().count());
                line.push(' ');
                if numeric[column] {
                    line += &padding;
                    line += cell;
                } else {
                    line += cell;
                    line += &padding;
                }
                line.push(' ');
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    /// The same as a table in Markdown.
    pub(in crate::cli) fn markdown(&self) -> String {
        let line = |row: &[String]| format!("| {} |\n", row.join(" | "));
        let Some((headings, rows)) = self.rows.split_first() else { return String::new() };
        let rule = vec!["---".to_owned(); headings.len()];
        [line(headings), line(&rule)].into_iter().chain(rows.iter().map(|row| line(row))).collect()
    }
}

fn one_line(cell: &str) -> String {
    let replaced = |letter| match letter {
        '\n' | '\r' | '\t' => ' ',
        letter if is_obeyed(letter) => '\u{fffd}',
        letter => letter,
    };
    cell.chars().map(replaced).collect()
}

/// A whole number with its thousands apart.
pub(in crate::cli) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    if number < 0 { format!("-{grouped}") } else { grouped }
}

/// A moment to the minute, in UTC.
pub(in crate::cli) fn minute(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| format!("{ms} ms"), |moment| moment.strftime("%Y-%m-%d %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right() {
        let mut table = Table::new(&["rubric", "scored"]);
        table.row(vec!["faithfulness".into(), count(1_234)]);
        table.row(vec!["harmfulness".into(), count(7)]);
        assert_eq!(table.render(), "  rubric        scored\n  faithfulness   1 234\n  harmfulness        7\n");
    }

    #[test]
    fn a_cell_stays_on_its_line_and_in_its_column() {
        let mut table = Table::new(&["model", "tokens"]);
        table.row(vec!["gpt\u{1b}[2Jx\n|".into(), "1".into()]);
        assert_eq!(table.render(), "  model       tokens\n  gpt\u{fffd}[2Jx |       1\n");
    }
}
