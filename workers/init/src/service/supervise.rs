//! The life of one service, from waiting for its dependencies to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use nexus_init_protocol::{
    ExitOutcome, HealthCheck, ReportEvent, RestartPolicy, ServicePhase, ServiceSpec, Signal,
    StepName,
};
use tokio::sync::watch;

use super::{Entry, health, is_settled, is_well};
use crate::clock::elapsed_ms;
use crate::context::{Custom, Descriptors, argv_of};
use crate::exec::output::ProcessOutput;
use crate::process::spawn::pipe;
use crate::process::{Command, ExitWatch, Standing, signal_group};
use crate::sync::Lock;
use crate::transcript::Transcript;
use crate::workspace::Workspace;

/// A service without any check counts as healthy when it is still there after this.
const ALIVE_AFTER: Duration = Duration::from_millis(300);
/// First pause between probes while starting; doubles up to [`SLOWEST_START_PROBE`].
const FASTEST_START_PROBE: Duration = Duration::from_millis(10);
const SLOWEST_START_PROBE: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF_MS: u64 = 30_000;
/// How long the output of a killed service is read.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A service that was healthy for so long has its restarts counted anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

type Dependencies = Vec<(String, watch::Receiver<ServicePhase>)>;

/// Gives the service a task of its own.
pub(super) fn spawn(
    workspace: Arc<Workspace>,
    entry: Arc<Entry>,
    spec: ServiceSpec,
    dependencies: Dependencies,
) {
    tokio::spawn(async move {
        let mut stop = entry.stop.subscribe();
        let life = Life {
            workspace: &workspace,
            entry: &entry,
            spec: &spec,
        };
        let mut living = std::pin::pin!(life.live(dependencies));
        let last = tokio::select! {
            biased;
            () = async { drop(stop.wait_for(Option::is_some).await) } => {
                // Its last words are still read: a process that cannot write dies of that instead.
                if entry.process_id.hold().is_some() {
                    tokio::join!(life.stop_process(), life.hear_out(living));
                }
                ServicePhase::Stopped
            }
            last = &mut living => last,
        };
        entry.phase.send_replace(last);
    });
}

struct Life<'a> {
    workspace: &'a Arc<Workspace>,
    entry: &'a Entry,
    spec: &'a ServiceSpec,
}

/// How one run of the process ended.
struct Run {
    outcome: ExitOutcome,
    last_lines: Vec<String>,
    was_well_for: Duration,
}

impl Life<'_> {
    /// Runs the service until it is over for good; returns its last phase.
    async fn live(&self, dependencies: Dependencies) -> ServicePhase {
        for (name, mut phase) in dependencies {
            let is_fine = match phase.wait_for(is_settled).await {
                Ok(phase) => is_well(&phase),
                Err(_) => false,
            };
            if !is_fine {
                let cause = format!("it depends on {name}, which is not healthy");
                self.report_unhealthy(&cause);
                return ServicePhase::Failed { cause };
            }
        }
        let mut attempt = 0;
        loop {
            self.set(ServicePhase::Starting);
            let run = match self.run_once(attempt).await {
                Ok(run) => run,
                Err(cause) => {
                    self.report_unhealthy(&cause);
                    return ServicePhase::Failed { cause };
                }
            };
            *self.entry.process_id.hold() = None;
            if run.was_well_for > FORGIVEN_AFTER {
                attempt = 0;
            }
            let pause = self.pause_before_restart(&run.outcome, attempt);
            self.report(ReportEvent::ServiceExited {
                service: self.spec.name.clone(),
                outcome: run.outcome.clone(),
                last_lines: run.last_lines,
                restart_in_ms: pause,
            });
            let Some(pause) = pause else {
                return self.last_phase(&run.outcome);
            };
            self.set(ServicePhase::Restarting);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            attempt += 1;
            self.entry.restarts.fetch_add(1, Relaxed);
        }
    }

    async fn run_once(&self, attempt: u32) -> Result<Run, String> {
        let (mut output, exit) = self.start_process()?;
        *self.entry.process_id.hold() = Some(exit.process_id());
        self.report(ReportEvent::ServiceStarting {
            service: self.spec.name.clone(),
            port: self.spec.port,
            attempt,
        });
        let mut transcript = Transcript::new(StepName::Service(self.spec.name.clone()));
        let mut well_since = None;
        let mut ended = exit.clone();
        let outcome = tokio::select! {
            biased;
            outcome = ended.ended() => outcome,
            // What it writes goes on being read while its health is watched; both last for ever.
            never = async {
                let follow = transcript.follow(self.workspace, &mut output);
                let watch = self.watch_health(&mut well_since);
                tokio::join!(follow, watch).1
            } => match never {},
        };
        // The last words, which may still be in the pipes.
        let _pipes_broke = transcript.follow(self.workspace, &mut output).await;
        Ok(Run {
            outcome,
            last_lines: transcript.last_lines(),
            was_well_for: well_since.map_or(Duration::ZERO, |since: Instant| since.elapsed()),
        })
    }

    fn start_process(&self) -> Result<(ProcessOutput, ExitWatch), String> {
        let broken = |error: std::io::Error| format!("making pipes: {error}");
        let (stdout, child_out) = pipe().map_err(broken)?;
        let (stderr, child_error) = pipe().map_err(broken)?;
        let descriptors = Descriptors {
            stdin: None,
            stdout: Some(child_out),
            stderr: Some(child_error),
        };
        let argv = argv_of(&self.spec.command);
        let command = service_command(self.workspace, self.spec, argv, descriptors)?;
        let spawned = self.workspace.reaper.spawn(command);
        let exit = spawned.map_err(|error| error.to_outcome().to_string())?;
        let output = ProcessOutput::new(stdout, stderr, exit.clone()).map_err(broken)?;
        Ok((output, exit))
    }

    async fn watch_health(&self, well_since: &mut Option<Instant>) -> std::convert::Infallible {
        let started = Instant::now();
        let Some(check) = health::check_of(self.spec) else {
            tokio::time::sleep(ALIVE_AFTER).await;
            self.become_healthy(started, well_since);
            return std::future::pending().await;
        };
        self.watch_start(&check, started, well_since).await;
        let mut failures = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(check.interval_ms)).await;
            match health::probe(self.workspace, self.spec, &check).await {
                Ok(()) => {
                    failures = 0;
                    if !is_well(&self.entry.phase.borrow()) {
                        self.become_healthy(started, well_since);
                    }
                }
                Err(cause) => {
                    failures += 1;
                    if failures == check.retries.max(1) && is_well(&self.entry.phase.borrow()) {
                        self.become_unhealthy(cause);
                    }
                }
            }
        }
    }

    /// Asks often until the first good answer, or until the time to start is over.
    async fn watch_start(
        &self,
        check: &HealthCheck,
        started: Instant,
        well_since: &mut Option<Instant>,
    ) {
        let limit = Duration::from_millis(check.start_timeout_ms);
        let mut pause = FASTEST_START_PROBE;
        loop {
            let cause = match health::probe(self.workspace, self.spec, check).await {
                Ok(()) => return self.become_healthy(started, well_since),
                Err(cause) => cause,
            };
            if started.elapsed() >= limit {
                let seconds = check.start_timeout_ms as f64 / 1000.0;
                return self.become_unhealthy(format!("not healthy within {seconds} s: {cause}"));
            }
            tokio::time::sleep(pause.min(limit.saturating_sub(started.elapsed()))).await;
            pause = (pause * 2).min(SLOWEST_START_PROBE);
        }
    }

    fn become_healthy(&self, started: Instant, well_since: &mut Option<Instant>) {
        well_since.get_or_insert_with(Instant::now);
        self.report(ReportEvent::ServiceHealthy {
            service: self.spec.name.clone(),
            port: self.spec.port,
            duration_ms: elapsed_ms(started),
        });
        self.set(ServicePhase::Healthy);
    }

    fn become_unhealthy(&self, cause: String) {
        self.report_unhealthy(&cause);
        self.set(ServicePhase::Unhealthy { cause });
    }

    fn report_unhealthy(&self, cause: &str) {
        self.report(ReportEvent::ServiceUnhealthy {
            service: self.spec.name.clone(),
            cause: cause.to_owned(),
        });
    }

    fn pause_before_restart(&self, outcome: &ExitOutcome, attempt: u32) -> Option<u64> {
        if self.entry.stop.borrow().is_some() {
            return None;
        }
        match self.spec.restart {
            RestartPolicy::OnFailure {
                max_restarts,
                backoff_ms,
            } if !outcome.is_success() && attempt < max_restarts => {
                let factor = 1_u64.checked_shl(attempt).unwrap_or(u64::MAX);
                Some(backoff_ms.saturating_mul(factor).min(LONGEST_BACKOFF_MS))
            }
            RestartPolicy::OnFailure { .. } | RestartPolicy::Never => None,
        }
    }

    /// A task may end with 0; a service that was expected to answer may not end at all.
    fn last_phase(&self, outcome: &ExitOutcome) -> ServicePhase {
        match outcome.is_success() && health::check_of(self.spec).is_none() {
            true => ServicePhase::Completed,
            false => ServicePhase::Failed {
                cause: format!("it ended with {outcome}"),
            },
        }
    }

    /// From TERM to KILL: what was asked for, but no longer than the service's own grace.
    fn grace(&self) -> Duration {
        let asked = self.entry.stop.borrow().unwrap_or_default();
        asked.min(Duration::from_millis(self.spec.stop_grace_ms))
    }

    /// Goes on reading what a stopping process writes, and tells how it ended.
    async fn hear_out(&self, living: impl Future<Output = ServicePhase>) {
        let _talks_on = tokio::time::timeout(self.grace() + LAST_WORDS, living).await;
    }

    /// TERM to the group, a grace, KILL. The phase tells when that is done.
    async fn stop_process(&self) {
        let Some(process_id) = self.entry.process_id.hold().take() else {
            return;
        };
        let grace = self.grace();
        signal_group(process_id, Signal::Term);
        let deadline = tokio::time::Instant::now() + grace;
        while crate::process::group_exists(process_id) {
            if tokio::time::Instant::now() >= deadline {
                signal_group(process_id, Signal::Kill);
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn set(&self, phase: ServicePhase) {
        self.entry.phase.send_replace(phase);
    }

    fn report(&self, event: ReportEvent) {
        self.workspace.journal.append(event);
    }
}

/// A process with the service's directory and environment.
pub(super) fn service_command(
    workspace: &Workspace,
    spec: &ServiceSpec,
    argv: Vec<String>,
    descriptors: Descriptors,
) -> Result<Command, String> {
    let mut env = BTreeMap::new();
    if let Some(port) = spec.port {
        env.insert("PORT".to_owned(), port.to_string());
    }
    env.extend(spec.env.clone());
    let custom = Custom {
        env,
        directory: spec.directory.clone(),
        ..Custom::default()
    };
    let context = workspace.context();
    let command = context.command(argv, &custom, descriptors, Standing::Group);
    command.map_err(|failure| failure.message)
}
