//! The short form of the chaos run, and the form of what runs write.

use anyhow::{Context as _, ensure};
use nexus_tests::chaos::report;
use nexus_tests::chaos::run::{Order, run};
use nexus_tests::docker;
use nexus_tests::program::skewing_library;
use nexus_tests::skip::skipped;

/// The seed of the short form; another is had by `./dev chaos --seed`.
const SEED: u64 = 20_261_130;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_kills_under_twenty_lives() -> anyhow::Result<()> {
    let name = "sixty_kills_under_twenty_lives";
    if skewing_library().is_none() {
        skipped(name, "clocks are not skewed: faketime is not installed");
    }
    if !docker::is_usable().await {
        skipped(
            name,
            "no worker for containers: no engine with the base image answers",
        );
    }
    let order = Order {
        kills: 60,
        seed: SEED,
        at_most: None,
    };
    let outcome = run(order).await?;
    let violations: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
    ensure!(
        violations.is_empty(),
        "seed {SEED}: {}\n{}\n{}",
        outcome.counts(),
        violations.join("\n"),
        outcome.evidence
    );
    ensure!(
        outcome.faults.get("kills") == Some(&60),
        "{:?}",
        outcome.faults
    );
    ensure!(
        outcome.operations > 60,
        "hardly anything went on: {}",
        outcome.counts()
    );
    Ok(())
}

#[test]
fn reliability_is_what_a_run_writes() -> anyhow::Result<()> {
    let text = std::fs::read_to_string(report::path()).context("RELIABILITY.md")?;
    let rows = report::read(&text).context("RELIABILITY.md")?;
    ensure!(!rows.is_empty(), "no run has written into it");
    Ok(())
}
