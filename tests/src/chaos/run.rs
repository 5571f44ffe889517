//! A run from its first process to its verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::history::History;
use super::plan::{PLANES, WORKERS, Wanted, plan};
use super::scene::Scene;
use super::verdict::Violation;
use crate::disk::SmallDisk;
use crate::docker;
use crate::log_servers::Servers;
use crate::program::skewing_library;
use crate::replicas::{Disks, Replicas};

/// Lives at once in a run by flags.
pub const LIVES: usize = 20;

/// What a run is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// How many kills.
    pub kills: usize,
    /// What everything is drawn from.
    pub seed: u64,
    /// After so long no further fault is begun.
    pub at_most: Option<Duration>,
    /// How many servers keep the log.
    pub servers: Servers,
    /// Lives at once.
    pub lives: usize,
}

/// What a run saw.
#[derive(Debug)]
pub struct Outcome {
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, usize>,
    /// Lives at once.
    pub lives: usize,
    /// Operations in the log, and events.
    pub operations: usize,
    /// Events in the log.
    pub events: u64,
    /// Messages that are no events.
    pub unreadable: usize,
    /// How many servers kept the log.
    pub servers: Servers,
    /// Whether an engine took part.
    pub engine: bool,
    /// How long it took.
    pub took: Duration,
    /// What must not be.
    pub violations: Vec<Violation>,
    /// What log and programs say of the workspaces of the violations.
    pub evidence: String,
}

impl Outcome {
    /// What was done and counted, in words.
    pub fn counts(&self) -> String {
        let faults = self
            .faults
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"));
        let mut words: Vec<String> = faults.collect();
        words.push(format!("{} lives at once", self.lives));
        words.push(format!("{} operations", self.operations));
        words.push(format!("{} events", self.events));
        words.push(format!("{} unreadable", self.unreadable));
        words.push(format!("nats-server ×{}", self.servers.count()));
        words.push(format!("nexusd ×{PLANES}"));
        let providers = if self.engine {
            "process ×2, docker"
        } else {
            "process ×3"
        };
        words.push(format!("workers {providers}"));
        words.push(format!("{} s", self.took.as_secs()));
        words.join(", ")
    }
}

/// Runs it.
///
/// # Errors
/// When a program cannot be had, or the log cannot be read afterwards: what is wrong with the
/// product is a violation in the outcome.
pub async fn run(order: Order) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let engine = match docker::is_usable().await {
        true => docker::engine().await,
        false => None,
    };
    let third = if engine.is_some() {
        "docker"
    } else {
        "process"
    };
    let workers = ["process", "process", third];
    let disks = SmallDisk::possible().then(|| disks(order));
    let replicas = Replicas::start_on(order.servers, PLANES, &workers, disks).await?;
    let mut scene = Scene::set(replicas, engine, order.seed, order.lives).await?;
    let moments = plan(Wanted {
        kills: order.kills,
        seed: order.seed,
        skew: skewing_library().is_some(),
        disks: disks.is_some(),
        servers: order.servers,
    });
    scene.strike(&moments, began, order.at_most).await?;
    let violations = scene.judge().await?;
    let history = History::read(&scene.replicas.log().await?).await?;
    let outcome = Outcome {
        faults: scene.faults.clone(),
        lives: order.lives,
        operations: history.operations.len(),
        events: history.events,
        unreadable: history.unreadable.len(),
        servers: order.servers,
        engine: scene.engine.is_some(),
        took: began.elapsed(),
        evidence: scene.evidence(&history, &violations),
        violations,
    };
    scene.clear_the_engine().await?;
    Ok(outcome)
}

/// Room for what a run of so many kills writes, and for what has to stay free. Three servers give
/// away three quarters of their disks in advance: what the streams may hold at most has to fit.
const fn disks(order: Order) -> Disks {
    let written = 2 * order.kills as u64;
    let server = match order.servers {
        Servers::One => 512,
        Servers::Three => 2048,
    };
    Disks {
        server: server + written,
        plane: 512 + written,
    }
}

#[expect(
    clippy::print_stderr,
    reason = "whoever waits for minutes sees what goes on; a failed test shows it too"
)]
pub(super) fn say(text: &str) {
    eprintln!("   {text}");
}

/// For plans of workers of another number.
const _: () = assert!(WORKERS == 3, "a run has a worker for each of three homes");
