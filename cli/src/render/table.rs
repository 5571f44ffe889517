//! Tables and lists of facts, as wide as what is in them.

use crate::clean::clean;

/// Something that is a row of a table.
pub(crate) trait Row {
    /// What stands above its columns.
    const HEADINGS: &'static [&'static str];

    /// Its cells, as many as there are headings.
    fn cells(&self) -> Vec<String>;

    /// What `--output name` prints.
    fn name(&self) -> String;
}

/// `rows` under their headings; the headings alone when there are none.
pub(crate) fn table<T: Row>(rows: &[T]) -> String {
    let headings = T::HEADINGS.iter().map(ToString::to_string).collect();
    let cells = rows
        .iter()
        .map(|row| row.cells().iter().map(|cell| shown(cell)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(headings).chain(cells).collect();
    let widths: Vec<usize> = (0..T::HEADINGS.len())
        .map(|column| {
            lines
                .iter()
                .map(|line| width(&line[column]))
                .max()
                .unwrap_or(0)
        })
        .collect();
    lines.iter().map(|line| padded(line, &widths)).collect()
}

fn padded(cells: &[String], widths: &[usize]) -> String {
    let columns = cells.iter().zip(widths);
    let line: Vec<String> = columns
        .map(|(cell, width)| format!("{cell:width$}"))
        .collect();
    format!("{}\n", line.join("  ").trim_end())
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// A cell that is safe to print, and never empty: columns stay columns for `awk`.
fn shown(cell: &str) -> String {
    match clean(cell) {
        cell if cell.is_empty() => "-".into(),
        cell => cell,
    }
}

/// One fact a line, the names of the facts in a column of their own; empty ones are left out.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let longest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:longest$}  {}\n", clean(value)))
        .collect()
}
