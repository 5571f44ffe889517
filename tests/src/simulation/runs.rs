//! Runs in processes of their own: one, a script or many seeds at once.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context as _, bail};

use super::plant::Plant;
use super::report::Report;
use super::script::Script;

/// Starts runs.
#[derive(Debug, Clone)]
pub struct Runs {
    /// The binary `nexus-sim`.
    pub program: PathBuf,
    /// The bug put in on purpose.
    pub plant: Plant,
    /// How many things happen in the script of a seed.
    pub steps: usize,
}

/// A script and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The script.
    pub script: Script,
    /// Its report, with a violation.
    pub report: Report,
}

/// What many runs came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Events in all logs together.
    pub events: u64,
    /// Operations that were accepted.
    pub operations: u64,
    /// Turns of processes.
    pub turns: u64,
}

impl Runs {
    /// Runs a script.
    ///
    /// # Errors
    /// When the run could not be made.
    pub fn one(&self, script: &Script, keep_trace: bool) -> anyhow::Result<Report> {
        let mut command = Command::new(&self.program);
        command.args(["--one", "--plant", self.plant.name()]);
        if keep_trace {
            command.arg("--trace");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let mut input = child.stdin.take().context("its input is piped")?;
        input
            .write_all(script.to_string().as_bytes())
            .context("telling it the script")?;
        drop(input);
        let output = child.wait_with_output().context("waiting for the run")?;
        if !output.status.success() {
            bail!(
                "the run of seed {} ended with {}",
                script.seed,
                output.status
            );
        }
        serde_json::from_slice(&output.stdout).context("reading what the run reported")
    }

    /// Runs the seeds from `first` on, `many` of them, `jobs` at a time, until one fails; tells each
    /// run that ended.
    ///
    /// # Errors
    /// When a run could not be made.
    pub fn seeds(
        &self,
        first: u64,
        many: u64,
        jobs: usize,
        each: impl Fn(u64) + Sync,
    ) -> anyhow::Result<(Totals, Option<Failure>)> {
        let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let totals = Mutex::new((Totals::default(), None::<Failure>));
        let work = || -> anyhow::Result<()> {
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= many {
                    break;
                }
                let script = Script::of_seed(first.wrapping_add(number), self.steps);
                let report = self.one(&script, false).inspect_err(|_| {
                    stop.store(true, Ordering::Relaxed);
                })?;
                each(number);
                let mut totals = totals.lock().unwrap_or_else(|broken| broken.into_inner());
                totals.0.runs += 1;
                totals.0.events += report.events;
                totals.0.operations += report.operations;
                totals.0.turns += report.turns;
                if report.violation.is_some() {
                    stop.store(true, Ordering::Relaxed);
                    totals.1 = Some(Failure { script, report });
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .try_for_each(|worker| match worker.join() {
                    Ok(worked) => worked,
                    Err(_) => bail!("a thread that starts runs panicked"),
                })
        })?;
        Ok(totals
            .into_inner()
            .unwrap_or_else(|broken| broken.into_inner()))
    }
}
