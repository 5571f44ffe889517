//! One run, on a thread of its own.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::Context as _;

use super::plant::Plant;
use super::report::Report;
use super::script::Script;
use super::virtually;
use super::world::World;

/// A run that takes this long on the machine's time is stuck in a loop or a lock.
const LONGEST: Duration = Duration::from_secs(120);

/// Runs a script on a thread of its own, once in the life of a process.
///
/// # Errors
/// When the run cannot be made; what it shows is in the report.
pub fn simulate(script: Script, plant: Plant, keep_trace: bool) -> anyhow::Result<Report> {
    let run = move || {
        virtually::begin(script.seed);
        anyhow::ensure!(
            virtually::wall().map(|now| now.as_secs())
                == u64::try_from(jiff::Timestamp::now().as_second()).ok(),
            "only the program nexus-sim can simulate: it answers its own system calls"
        );
        let mut world = World::new(script, plant, keep_trace)?;
        let broken = world.play()?;
        Ok(world.report(broken))
    };
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("simulation".into())
        .spawn(move || {
            // Nobody waits any more after the longest time.
            let _ = tell.send(run());
        })
        .context("starting the simulation's thread")?;
    match told.recv_timeout(LONGEST) {
        Ok(report) => report,
        Err(RecvTimeoutError::Timeout) => Ok(Report::hung(LONGEST)),
        Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the simulation panicked"),
    }
}
