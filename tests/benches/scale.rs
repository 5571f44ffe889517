//! P22: `nexusd` with 10,000 workspaces and a million events: what it holds, and what one more
//! event costs it, against the same with a short log.
//!
//! Cost is processor time of `nexusd` alone, from the append of many events until it shows the last
//! of them. `NEXUS_BENCH_EVENTS` sets how many events there are in the end (1,000,000 unless told).

use std::time::Duration;

use anyhow::Context as _;
use nexus_tests::history::History;
use nexus_tests::measure::{limit_row, processor_time, proportional_memory, ratio_row, wanted};
use nexus_tests::plane::Plane;

const WORKSPACES: usize = 10_000;
/// Of how many events each figure is the mean.
const MEASURED: usize = 20_000;
/// How many events there are before the cost of more is measured, and workspaces they are of.
const SHORT: (usize, usize) = (100, 1_000);
const LONGER: usize = 100_000;
/// The most memory, in MiB.
const MEMORY: f64 = 200.0;
/// Flat, in so far as such figures are repeatable.
const FLAT: f64 = 1.25;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if !wanted("P22") {
        return Ok(());
    }
    let most = std::env::var("NEXUS_BENCH_EVENTS").ok();
    let most = most.map_or(Ok(1_000_000), |text| text.parse::<usize>())?;
    let plane = Plane::start("none").await?;
    let mut scale = Scale::of(plane).await?;
    scale.grow(SHORT.0, SHORT.1).await?;
    // The first events also pay for what is made once.
    scale.cost(SHORT.0).await?;
    let short = scale.cost(SHORT.0).await?;
    for events in [LONGER, most] {
        let more = events.saturating_sub(scale.events);
        scale.grow(WORKSPACES, more).await?;
        let cost = scale.cost(SHORT.0).await?;
        ratio_row("P22", short, cost, "us", FLAT);
    }
    limit_row("P22", 0.0, scale.memory()?, "MiB", MEMORY);
    Ok(())
}

struct Scale {
    plane: Plane,
    history: History,
    daemon: u32,
    events: usize,
}

impl Scale {
    async fn of(plane: Plane) -> anyhow::Result<Self> {
        let daemon = plane.processes("nexusd")?.first().copied();
        Ok(Self {
            history: History::of(&plane).await?,
            daemon: daemon.context("nexusd runs")?,
            plane,
            events: 0,
        })
    }

    /// Appends `count` events and waits until they are shown.
    async fn grow(&mut self, workspaces: usize, count: usize) -> anyhow::Result<()> {
        let last = self.history.grow(workspaces, count).await?;
        self.events += count;
        let patience = tokio::time::Instant::now() + Duration::from_secs(300);
        loop {
            match self.plane.client.workspace(History::first(), last).await {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() > patience => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Microseconds of the processor that one more event takes.
    async fn cost(&mut self, workspaces: usize) -> anyhow::Result<f64> {
        let before = self.processor()?;
        self.grow(workspaces, MEASURED).await?;
        let used = self.processor()?.saturating_sub(before);
        Ok(used.as_secs_f64() * 1e6 / MEASURED as f64)
    }

    fn processor(&self) -> anyhow::Result<Duration> {
        processor_time(self.daemon).context("nexusd runs")
    }

    /// What it holds, in MiB.
    fn memory(&self) -> anyhow::Result<f64> {
        let kib = proportional_memory(self.daemon).context("nexusd runs")?;
        Ok(kib as f64 / 1024.0)
    }
}
