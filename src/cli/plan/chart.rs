//! The plan as a chart for terminals: weeks until half of all drops are seen, against labels a week, both logarithmic, so
//! that each drop is a straight line. Drawn with braille dots, two by four to a character.

use super::delays::Plan;

/// Characters of the plot; with the axis the chart stays within 80 columns.
const COLUMNS: usize = 66;
const ROWS: usize = 16;
/// Weeks that the chart spans: from a quarter to more than a year.
const WEEKS: (f64, f64) = (0.25, 64.0);
/// Labels a week that the chart spans, unless the plan's own lie outside.
const RATES: (f64, f64) = (10.0, 500.0);
const WEEK_TICKS: [f64; 9] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
const RATE_TICKS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];
const BRAILLE: u32 = 0x2800;
/// The bits of a braille character's dots: columns, then rows from the top.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// The chart, or nothing where no drop can be seen at all.
pub(super) fn render(plan: &Plan) -> Option<String> {
    let lines: Vec<(f64, f64)> = plan.drops.iter().filter_map(|drop| Some((drop.drop, drop.labels.median?))).collect();
    if lines.is_empty() {
        return None;
    }
    let mut plot = Plot::new((RATES.0.min(plan.labels_per_week), RATES.1.max(plan.labels_per_week)));
    for (_, labels) in &lines {
        plot.line(*labels);
    }
    plot.afford(plan.labels_per_week);
    plot.aim(plan.weeks);
    for (drop, labels) in &lines {
        plot.name(&format!("{drop:.2}"), *labels);
    }
    let mut text = vec!["weeks until half of all drops are seen, by size of the drop".to_owned()];
    text.extend(plot.rows());
    text.push(plot.axis());
    text.push(format!(
        "┊ {} labels a week   ┈ {} weeks: a drop that ┊ meets below ┈ is seen in time",
        plan.labels_per_week, plan.weeks
    ));
    Some(text.join("\n"))
}

struct Plot {
    rates: (f64, f64),
    dots: Vec<[u8; COLUMNS]>,
    /// What is written over the dots.
    over: Vec<[Option<char>; COLUMNS]>,
}

/// Where `value` lies between the ends of a logarithmic scale: 0 to 1 inside.
fn place(value: f64, (low, high): (f64, f64)) -> f64 {
    (value / low).ln() / (high / low).ln()
}

impl Plot {
    fn new(rates: (f64, f64)) -> Self {
        Self { rates, dots: vec![[0; COLUMNS]; ROWS], over: vec![[None; COLUMNS]; ROWS] }
    }

    /// The row of so many weeks, counted from the top in parts of a row.
    fn row(weeks: f64) -> f64 {
        (1.0 - place(weeks, WEEKS)) * ROWS as f64
    }

    fn column(&self, rate: f64) -> usize {
        ((place(rate, self.rates) * COLUMNS as f64) as usize).min(COLUMNS - 1)
    }

    /// The rate at which dot column `x` stands.
    fn rate(&self, x: usize) -> f64 {
        let share = (x as f64 + 0.5) / (2 * COLUMNS) as f64;
        self.rates.0 * (self.rates.1 / self.rates.0).powf(share)
    }

    fn line(&mut self, labels: f64) {
        for x in 0..2 * COLUMNS {
            let y = Self::row(labels / self.rate(x)) * 4.0;
            if (0.0..(ROWS * 4) as f64).contains(&y) {
                let y = y as usize;
                self.dots[y / 4][x / 2] |= DOTS[x % 2][y % 4];
            }
        }
    }

    fn afford(&mut self, rate: f64) {
        let column = self.column(rate);
        for row in 0..ROWS {
            self.behind(row, column, '┊');
        }
    }

    fn aim(&mut self, weeks: f64) {
        let row = Self::row(weeks);
        if (0.0..ROWS as f64).contains(&row) {
            for column in 0..COLUMNS {
                self.behind(row as usize, column, '┈');
            }
        }
    }

    fn behind(&mut self, row: usize, column: usize, mark: char) {
        if self.dots[row][column] == 0 && self.over[row][column].is_none() {
            self.over[row][column] = Some(mark);
        }
    }

    /// Writes the name of a line at its beginning: at the left, or where it comes in from above.
    fn name(&mut self, name: &str, labels: f64) {
        let inside = |column: &usize| (0.0..ROWS as f64).contains(&Self::row(labels / self.rate(column * 2)));
        let Some(column) = (1..COLUMNS - name.len()).find(inside) else { return };
        let row = Self::row(labels / self.rate((column + name.len() / 2) * 2)) as usize;
        for (offset, letter) in name.chars().enumerate() {
            self.over[row.min(ROWS - 1)][column + offset] = Some(letter);
        }
    }

    fn rows(&self) -> Vec<String> {
        let tick = |row: usize| {
            WEEK_TICKS.into_iter().find(|weeks| (Self::row(*weeks) - row as f64).abs() < 0.5 && *weeks < WEEKS.1)
        };
        let line = |row: usize| {
            let cells = (0..COLUMNS).map(|column| {
                let dots =
                    char::from_u32(BRAILLE + u32::from(self.dots[row][column])).filter(|_| self.dots[row][column] > 0);
                self.over[row][column].or(dots).unwrap_or(' ')
            });
            let (weeks, edge) = tick(row).map_or((String::new(), '│'), |weeks| (weeks.to_string(), '┤'));
            format!("{weeks:>5} {edge}{}", cells.collect::<String>()).trim_end().to_owned()
        };
        (0..ROWS).map(line).collect()
    }

    fn axis(&self) -> String {
        let mut edge: Vec<char> = vec!['─'; COLUMNS];
        let mut names = vec![' '; COLUMNS + 14];
        for rate in RATE_TICKS.into_iter().filter(|rate| (self.rates.0..=self.rates.1).contains(rate)) {
            let column = self.column(rate);
            edge[column] = '┬';
            let name = rate.to_string();
            let start = (column + 7).saturating_sub(name.len() / 2).min(COLUMNS + 7 - name.len());
            for (offset, letter) in name.chars().enumerate() {
                names[start + offset] = letter;
            }
        }
        let names: String = names.into_iter().collect();
        let edge: String = edge.into_iter().collect();
        format!("{:>5} └{edge}\n{}\n{:>73}", WEEKS.0, names.trim_end(), "labels a week")
    }
}
