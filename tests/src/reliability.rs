//! `RELIABILITY.md`: a table that runs write a row into, and nobody else. What is in the file is
//! what this file writes: a test reads it and writes it again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// Rows kept of each kind of run: the newest.
const KEPT: usize = 10;

const TITLE: &str = "# Reliability\n\n\
    Written by the runs it tells of, newest first, and by nobody else; the command of a row has it\n\
    again. Machine, counts and result are what the run saw. What each run must show is in\n\
    [CONTRIBUTING.md](CONTRIBUTING.md).\n";

const COLUMNS: &str = "\n| id | when | seed | counts | machine | result | command |\n\
    | --- | --- | --- | --- | --- | --- | --- |\n";

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which kind of run.
    pub id: String,
    /// When it ended, to the minute.
    pub when: String,
    /// What it was drawn from.
    pub seed: u64,
    /// What was done and counted, in this order.
    pub counts: String,
    /// Where.
    pub machine: String,
    /// `passed`, or what was wrong.
    pub result: String,
    /// How to have it again.
    pub command: String,
}

impl Row {
    fn cells(&self) -> [String; 7] {
        [
            self.id.clone(),
            self.when.clone(),
            self.seed.to_string(),
            self.counts.clone(),
            self.machine.clone(),
            self.result.clone(),
            format!("`{}`", self.command),
        ]
    }

    fn read(line: &str) -> anyhow::Result<Self> {
        let cells: Vec<&str> = line
            .strip_prefix("| ")
            .and_then(|line| line.strip_suffix(" |"))
            .context("a row stands between bars")?
            .split(" | ")
            .collect();
        let [id, when, seed, counts, machine, result, command] = cells.as_slice() else {
            anyhow::bail!("a row has seven cells: {line}");
        };
        let command = command
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'));
        Ok(Self {
            id: (*id).to_owned(),
            when: (*when).to_owned(),
            seed: seed.parse()?,
            counts: (*counts).to_owned(),
            machine: (*machine).to_owned(),
            result: (*result).to_owned(),
            command: command
                .context("a command stands between ticks")?
                .to_owned(),
        })
    }
}

/// Where the file is.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../RELIABILITY.md")
}

/// The file with these rows.
pub fn write(rows: &[Row]) -> String {
    let mut text = String::from(TITLE);
    text.push_str(COLUMNS);
    for row in rows {
        let cells = row.cells().map(|cell| cell.replace('|', "/"));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// The rows of a file, which must be one of ours.
///
/// # Errors
/// When it is not, saying where.
pub fn read(text: &str) -> anyhow::Result<Vec<Row>> {
    let rows = text
        .strip_prefix(TITLE)
        .and_then(|rest| rest.strip_prefix(COLUMNS))
        .context("it does not begin as a run begins it")?;
    let rows = rows
        .lines()
        .map(Row::read)
        .collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(
        write(&rows) == text,
        "it is not what a run would have written"
    );
    Ok(rows)
}

/// A run that has just ended here.
#[derive(Debug)]
pub struct Run {
    /// As [`Row::id`].
    pub id: &'static str,
    /// As [`Row::seed`].
    pub seed: u64,
    /// As [`Row::counts`].
    pub counts: String,
    /// As [`Row::result`].
    pub result: String,
    /// As [`Row::command`].
    pub command: String,
}

/// Puts a run into the file, on top; of each kind, only the newest are kept.
///
/// # Errors
/// When the file is not one of ours, or cannot be written.
pub fn record(run: Run) -> anyhow::Result<()> {
    let ended = jiff::Timestamp::now();
    let row = Row {
        id: run.id.to_owned(),
        when: ended.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        seed: run.seed,
        counts: run.counts,
        machine: machine(),
        result: run.result,
        command: run.command,
    };
    put(&path(), row)
}

fn put(path: &Path, row: Row) -> anyhow::Result<()> {
    let mut rows = match std::fs::read_to_string(path) {
        Ok(text) => read(&text).with_context(|| path.display().to_string())?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    rows.insert(0, row);
    let mut kept = BTreeMap::<String, usize>::new();
    rows.retain(|row| {
        let seen = kept.entry(row.id.clone()).or_default();
        *seen += 1;
        *seen <= KEPT
    });
    std::fs::write(path, write(&rows)).with_context(|| path.display().to_string())
}

/// This machine in a few words: no name, no path.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel
        .trim()
        .split('-')
        .next()
        .unwrap_or_default()
        .to_owned();
    let memory = read("/proc/meminfo");
    let kilobytes: u64 = memory
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .split(' ')
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    format!("{cores} cores, {} GiB, Linux {kernel}", kilobytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, seed: u64) -> Row {
        Row {
            id: id.to_owned(),
            when: "2026-11-30 20:00 UTC".to_owned(),
            seed,
            counts: "60 kills, 400 operations".to_owned(),
            machine: machine(),
            result: "passed".to_owned(),
            command: format!("./dev chaos --kills 60 --seed {seed}"),
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let rows = [row("R1", 1), row("R1", 2)];
        let text = write(&rows);
        assert_eq!(read(&text).unwrap(), rows);
        for typed in [
            text.replace("passed", "passed |"),
            text.replace("| R1", "R1"),
            format!("{text}\nAll is well.\n"),
            text.replace("nobody else", "me"),
        ] {
            assert!(read(&typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn the_newest_of_each_kind_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("RELIABILITY.md");
        put(&path, row("R2", 0)).unwrap();
        for seed in 0..KEPT as u64 + 3 {
            put(&path, row("R1", seed)).unwrap();
        }
        let rows = read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((rows.len(), rows[0].seed), (KEPT + 1, KEPT as u64 + 2));
        assert_eq!(rows.last().map(|row| row.id.as_str()), Some("R2"));
    }
}
