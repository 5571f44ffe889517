//! SECURITY.md is held to its word: every threat once, each with tests that exist.

use anyhow::{Context as _, ensure};

use crate::mission::{document, exists, quoted};

/// The threats that have to be answered, by number.
const THREATS: std::ops::RangeInclusive<usize> = 1..=18;

/// The rows of the table of threats: number, threat, answer, proofs.
fn threats(text: &str) -> Vec<[String; 4]> {
    let row = |line: &str| {
        let cells: Vec<_> = line
            .trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect();
        <[String; 4]>::try_from(cells).ok()
    };
    let is_numbered = |row: &[String; 4]| row[0].parse::<usize>().is_ok();
    text.lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(row)
        .filter(is_numbered)
        .collect()
}

fn complete(threats: &[[String; 4]]) -> anyhow::Result<()> {
    let numbers: Vec<usize> = threats
        .iter()
        .filter_map(|threat| threat[0].parse().ok())
        .collect();
    ensure!(numbers.iter().copied().eq(THREATS), "{numbers:?}");
    for [number, threat, answer, proofs] in threats {
        ensure!(
            threat.len() > 10 && answer.len() > 40,
            "threat {number} has no answer"
        );
        let proofs = quoted(proofs);
        ensure!(!proofs.is_empty(), "threat {number} has no proof");
        for proof in proofs {
            exists(&proof).with_context(|| format!("threat {number}"))?;
        }
    }
    Ok(())
}

#[test]
fn every_threat_has_an_answer_and_a_test_that_exists() -> anyhow::Result<()> {
    complete(&threats(&document("SECURITY.md")?))
}

#[test]
fn a_table_that_lacks_something_is_found() -> anyhow::Result<()> {
    let whole = threats(&document("SECURITY.md")?);
    ensure!(complete(&whole[1..]).is_err(), "a threat is missing");
    let mut wrong = whole.clone();
    wrong[3][3] = "`tests/it/security::no_such_test`".into();
    ensure!(complete(&wrong).is_err(), "a proof is missing");
    wrong[3][3] = String::new();
    ensure!(complete(&wrong).is_err(), "no proof at all");
    Ok(())
}
