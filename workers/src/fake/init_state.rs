//! What a fake init knows: its journal, the plan in force, files; and how set-ups go.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use nexus_init_protocol::report::{StepDetail, StepFailure};
use nexus_init_protocol::{Readiness, Report, ReportEvent, SetupPlan, StepName};
use tokio::sync::watch;

/// How set-ups go.
#[derive(Debug, Clone, Default)]
pub struct SetupScript {
    /// This step fails; a step without which there is no workspace ends the set-up.
    pub fail: Option<StepName>,
    /// These services never become healthy.
    pub unhealthy: Vec<String>,
    /// The set-up stops before this step and never goes on.
    pub hang_before: Option<StepName>,
    /// How long each step takes.
    pub step_takes: Duration,
}

/// A fake init's memory. It survives stops, as the journal of the real one does.
#[derive(Debug)]
pub struct InitState {
    memory: Mutex<Memory>,
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Memory {
    plan: Option<(String, u64)>,
    reports: Vec<Report>,
    files: BTreeMap<String, Vec<u8>>,
    applied: usize,
}

impl Default for InitState {
    fn default() -> Self {
        Self {
            memory: Mutex::default(),
            last: watch::Sender::new(0),
        }
    }
}

impl InitState {
    /// Adds a report to the journal.
    pub fn report(&self, event: ReportEvent) {
        let mut memory = self.lock();
        let (operation, epoch) = memory.plan.clone().unwrap_or_default();
        let number = memory.reports.len() as u64 + 1;
        let at_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        memory.reports.push(Report {
            number,
            at_ms,
            operation,
            epoch,
            event,
        });
        drop(memory);
        self.last.send_replace(number);
    }

    /// How many plans were taken that were not known.
    pub fn applied(&self) -> usize {
        self.lock().applied
    }

    pub(super) fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    pub(super) fn reports_after(&self, after: u64) -> Vec<Report> {
        let memory = self.lock();
        memory
            .reports
            .iter()
            .filter(|report| report.number > after)
            .cloned()
            .collect()
    }

    /// Takes a plan; true when it was known.
    pub(super) fn take(&self, plan: &SetupPlan) -> bool {
        let mut memory = self.lock();
        let wanted = (plan.operation.clone(), plan.epoch);
        if memory.plan.as_ref() == Some(&wanted) {
            return true;
        }
        memory.plan = Some(wanted);
        memory.applied += 1;
        false
    }

    pub(super) fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.lock().files.get(path).cloned()
    }

    pub(super) fn write(&self, path: &str, content: Vec<u8>) {
        self.lock().files.insert(path.to_owned(), content);
    }

    /// Goes through a plan as the script has it.
    pub(super) async fn set_up(&self, plan: &SetupPlan, script: &SetupScript) {
        let mut steps = vec![StepName::Ssh];
        if plan.repository.is_some() {
            steps.extend([StepName::Clone, StepName::Install, StepName::Hooks]);
        }
        let mut failed_steps = Vec::new();
        for step in steps {
            if script.hang_before.as_ref() == Some(&step) {
                return std::future::pending().await;
            }
            tokio::task::yield_now().await;
            self.report(ReportEvent::StepStarted { step: step.clone() });
            if !script.step_takes.is_zero() {
                tokio::time::sleep(script.step_takes).await;
            }
            if script.fail.as_ref() != Some(&step) {
                self.succeed(step);
                continue;
            }
            self.fail(step.clone());
            if matches!(step, StepName::Ssh | StepName::Clone) {
                return self.finish(Readiness::Failed { step });
            }
            failed_steps.push(step);
        }
        for service in &plan.services {
            self.start_service(&service.name, service.port, script);
        }
        let failed_services = script.unhealthy.clone();
        match failed_services.is_empty() && failed_steps.is_empty() {
            true => self.finish(Readiness::Ready),
            false => self.finish(Readiness::Partial {
                failed_services,
                failed_steps,
            }),
        }
    }

    fn succeed(&self, step: StepName) {
        let detail = match step {
            StepName::Ssh => StepDetail {
                host_key: Some("ssh-ed25519 AAAAfake".into()),
                ..StepDetail::default()
            },
            StepName::Clone => StepDetail {
                commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
                branch: Some("main".into()),
                ..StepDetail::default()
            },
            _ => StepDetail::default(),
        };
        self.report(ReportEvent::StepSucceeded {
            step,
            duration_ms: 1,
            detail,
        });
    }

    fn fail(&self, step: StepName) {
        let failure = StepFailure {
            code: "command_failed".into(),
            cause: "as scripted".into(),
            outcome: None,
            last_lines: vec!["the last line".into()],
            hint: None,
            retryable: false,
        };
        self.report(ReportEvent::StepFailed {
            step,
            duration_ms: 1,
            failure,
        });
    }

    fn start_service(&self, name: &str, port: Option<u16>, script: &SetupScript) {
        let service = name.to_owned();
        self.report(ReportEvent::ServiceStarting {
            service: service.clone(),
            port,
            attempt: 0,
        });
        match script.unhealthy.contains(&service) {
            true => {
                self.report(ReportEvent::ServiceUnhealthy {
                    service,
                    cause: "as scripted".into(),
                });
            }
            false => {
                self.report(ReportEvent::ServiceHealthy {
                    service,
                    port,
                    duration_ms: 1,
                });
            }
        }
    }

    fn finish(&self, readiness: Readiness) {
        self.report(ReportEvent::SetupFinished {
            readiness,
            duration_ms: 1,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // A test that panicked elsewhere has failed already.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
