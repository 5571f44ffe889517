//! The short forms of the chaos run, and the form of what runs write.

use anyhow::{Context as _, ensure};
use nexus_nats::testing::ClusterFiles;
use nexus_tests::chaos::run::{LIVES, Order, run};
use nexus_tests::docker;
use nexus_tests::log_servers::Servers;
use nexus_tests::program::skewing_library;
use nexus_tests::reliability;
use nexus_tests::skip::skipped;

/// The seed of the short forms; another is had by `./dev chaos --seed`.
const SEED: u64 = 20_261_130;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_kills_under_twenty_lives() -> anyhow::Result<()> {
    let order = Order {
        kills: 60,
        seed: SEED,
        at_most: None,
        servers: Servers::One,
        lives: LIVES,
    };
    keeps_its_promises("sixty_kills_under_twenty_lives", order).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_ten_lives_on_three_servers() -> anyhow::Result<()> {
    let name = "twenty_kills_under_ten_lives_on_three_servers";
    if let Some(reason) = ClusterFiles::missing() {
        skipped(name, reason);
        return Ok(());
    }
    let order = Order {
        kills: 20,
        seed: SEED,
        at_most: None,
        servers: Servers::Three,
        lives: 10,
    };
    keeps_its_promises(name, order).await
}

async fn keeps_its_promises(name: &str, order: Order) -> anyhow::Result<()> {
    if skewing_library().is_none() {
        skipped(name, "clocks are not skewed: faketime is not installed");
    }
    if !docker::is_usable().await {
        skipped(
            name,
            "no worker for containers: no engine with the base image answers",
        );
    }
    let outcome = run(order).await?;
    let violations: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
    ensure!(
        violations.is_empty(),
        "seed {}: {}\n{}\n{}",
        order.seed,
        outcome.counts(),
        violations.join("\n"),
        outcome.evidence
    );
    ensure!(
        outcome.faults.get("kills") == Some(&order.kills),
        "{:?}",
        outcome.faults
    );
    ensure!(
        outcome.operations > order.kills,
        "hardly anything went on: {}",
        outcome.counts()
    );
    said(&outcome.counts());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures of this run")]
fn said(text: &str) {
    println!("{text}");
}

#[test]
fn reliability_is_what_a_run_writes() -> anyhow::Result<()> {
    let text = std::fs::read_to_string(reliability::path()).context("RELIABILITY.md")?;
    let rows = reliability::read(&text).context("RELIABILITY.md")?;
    ensure!(!rows.is_empty(), "no run has written into it");
    Ok(())
}
