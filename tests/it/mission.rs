//! MISSION.md is held to its word: every row once, and no claim without a test that exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

/// How many rows each letter has.
const ROWS: [(char, u32); 12] = [
    ('A', 12),
    ('B', 17),
    ('C', 10),
    ('D', 6),
    ('E', 5),
    ('F', 11),
    ('G', 7),
    ('H', 8),
    ('N', 6),
    ('X', 17),
    ('P', 27),
    ('U', 17),
];

/// What may be said of a row.
const STATES: [&str; 3] = ["done", "partly", "open"];

/// The folders a test can be in; a name in a document that starts so is taken for one.
const FOLDERS: [&str; 6] = ["events", "nats", "control-plane", "workers", "cli", "tests"];

#[derive(Debug, PartialEq, Eq)]
struct Row {
    id: String,
    state: String,
    proofs: Vec<String>,
}

#[test]
fn every_row_is_there_once_and_no_other() -> anyhow::Result<()> {
    complete(&rows(&document("MISSION.md")?)?)
}

#[test]
fn every_claim_names_a_test_that_exists() -> anyhow::Result<()> {
    for row in rows(&document("MISSION.md")?)? {
        proven(&row).with_context(|| row.id.clone())?;
    }
    Ok(())
}

#[test]
fn the_totals_are_those_of_the_rows() -> anyhow::Result<()> {
    let text = document("MISSION.md")?;
    let totals = totals(&rows(&text)?);
    ensure!(
        text.lines().any(|line| line == totals),
        "a line should say: {totals}"
    );
    Ok(())
}

#[test]
fn every_test_named_in_a_document_exists() -> anyhow::Result<()> {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "nats/deploy/README.md",
    ] {
        for proof in quoted(&document(name)?) {
            if FOLDERS.contains(&proof.split('/').next().unwrap_or_default())
                && proof.contains("::")
            {
                exists(&proof).with_context(|| name.to_owned())?;
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_wrong_with_a_table_is_found() -> anyhow::Result<()> {
    let row = |line: &str| rows(line).and_then(|rows| rows.into_iter().next().context("no row"));
    let mine = "`tests/it/mission::what_is_wrong_with_a_table_is_found`";
    proven(&row(&format!("| A1 | form | done | {mine} |"))?)?;
    for wrong in [
        "| A1 | form | done | |".to_owned(),
        "| A1 | form | done | `tests/it/mission::no_such_test` |".to_owned(),
        // A function, but no test.
        "| A1 | form | partly | `tests/it/mission::proven` |".to_owned(),
        "| A1 | form | partly | `bench P999` |".to_owned(),
        format!("| A1 | form | open | {mine} |"),
        "| A1 | form | almost | |".to_owned(),
    ] {
        ensure!(proven(&row(&wrong)?).is_err(), "passed: {wrong}");
    }
    let whole = rows(&document("MISSION.md")?)?;
    ensure!(complete(&whole[1..]).is_err(), "a row is missing");
    let twice = "| A1 | form | open | |\n| A1 | form | open | |";
    ensure!(complete(&rows(twice)?).is_err(), "a row is there twice");
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn document(name: &str) -> anyhow::Result<String> {
    fs::read_to_string(root().join(name)).with_context(|| format!("reading {name}"))
}

/// The rows of every table whose first column holds an id.
fn rows(text: &str) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !is_id(cells[0]) {
            continue;
        }
        let [id, _form, state, proofs] = cells[..] else {
            bail!("not four columns: {line}");
        };
        rows.push(Row {
            id: id.to_owned(),
            state: state.to_owned(),
            proofs: quoted(proofs),
        });
    }
    Ok(rows)
}

fn is_id(cell: &str) -> bool {
    let mut letters = cell.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_uppercase())
        && !letters.as_str().is_empty()
        && letters.all(|digit| digit.is_ascii_digit())
}

fn complete(rows: &[Row]) -> anyhow::Result<()> {
    let mut wanted: BTreeMap<String, u32> = ROWS
        .into_iter()
        .flat_map(|(letter, most)| (1..=most).map(move |number| format!("{letter}{number}")))
        .map(|id| (id, 0))
        .collect();
    for row in rows {
        match wanted.get_mut(&row.id) {
            Some(times) => *times += 1,
            None => bail!("{} is no row of the mission", row.id),
        }
    }
    wanted.retain(|_, times| *times != 1);
    ensure!(wanted.is_empty(), "not there once: {wanted:?}");
    Ok(())
}

fn totals(rows: &[Row]) -> String {
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let [done, partly, open] = STATES.map(count);
    format!(
        "{} rows: {done} done, {partly} partly, {open} open.",
        rows.len()
    )
}

fn proven(row: &Row) -> anyhow::Result<()> {
    ensure!(
        STATES.contains(&row.state.as_str()),
        "the state is one of {STATES:?}"
    );
    ensure!(
        (row.state == "open") == row.proofs.is_empty(),
        "an open row names no test; any other names one"
    );
    row.proofs.iter().try_for_each(|proof| exists(proof))
}

/// What stands between backticks.
pub(crate) fn quoted(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(ToOwned::to_owned)
        .collect()
}

/// A proof is `bench ROW` or `path/of/file::test_name`, the path without `.rs`.
pub(crate) fn exists(proof: &str) -> anyhow::Result<()> {
    if let Some(row) = proof.strip_prefix("bench ") {
        return measured(row);
    }
    let (file, test) = proof
        .rsplit_once("::")
        .with_context(|| format!("`{proof}` is neither a test nor a measurement"))?;
    let source = document(&format!("{file}.rs"))?;
    ensure!(
        is_test(&source, test),
        "{file}.rs has no test called {test}"
    );
    Ok(())
}

/// Whether `source` has a function of that name under an attribute that makes it a test.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let start = format!("fn {name}(");
    lines.iter().enumerate().any(|(at, line)| {
        line.trim_start_matches("pub ")
            .trim_start_matches("async ")
            .starts_with(&start)
            && lines[..at]
                .iter()
                .rev()
                .take_while(|above| !above.is_empty() && **above != "}")
                .any(|above| above.starts_with("#[test]") || above.starts_with("#[tokio::test"))
    })
}

fn measured(row: &str) -> anyhow::Result<()> {
    let quoted = format!("\"{row}\"");
    for folder in FOLDERS {
        let Ok(files) = fs::read_dir(root().join(folder).join("benches")) else {
            continue;
        };
        for file in files {
            let file = file?;
            if file.file_type()?.is_file() && fs::read_to_string(file.path())?.contains(&quoted) {
                return Ok(());
            }
        }
    }
    bail!("no bench measures {row}")
}
