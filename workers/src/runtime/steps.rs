//! A step of the worker's own: told when it begins, tried again while that may help, told how it
//! ended and how long it took.

use std::future::Future;

use nexus_events::workspace::{Report, Step};
use tokio::time::Instant;

use super::attempt::attempt;
use super::halt::Halt;
use super::perform::Job;
use crate::provider::{ProviderError, Result};

impl<P> Job<'_, P> {
    /// Runs `call` as `step`. What `detail` says of the result is told with it.
    pub(super) async fn step<T, F>(
        &self,
        step: Step,
        call: impl FnMut() -> F,
        detail: impl FnOnce(&T) -> Option<String>,
    ) -> std::result::Result<T, Halt>
    where
        F: Future<Output = Result<T>>,
    {
        let began = Instant::now();
        let started = Report::StepStarted { step: step.clone() };
        self.reporter
            .report(&format!("{step}:started"), started)
            .await;
        let answer = attempt(self.shared.options.retry_budget, call).await;
        let duration_ms = milliseconds(began);
        match answer {
            Ok(result) => {
                let detail = detail(&result);
                let label = format!("{step}:succeeded");
                let ended = Report::StepSucceeded {
                    step,
                    duration_ms,
                    detail,
                };
                self.reporter.report(&label, ended).await;
                Ok(result)
            }
            Err(error) => Err(self.step_failed(step, duration_ms, &error).await),
        }
    }

    async fn step_failed(&self, step: Step, duration_ms: u64, error: &ProviderError) -> Halt {
        let mut failure = error.to_failure();
        failure.hint = failure.hint.replace("NAME", self.definition.name.as_str());
        let failure = failure.in_step(step.clone());
        let ended = Report::StepFailed {
            duration_ms,
            failure: failure.clone(),
        };
        self.reporter.report(&format!("{step}:failed"), ended).await;
        Halt::Failed(failure)
    }
}

pub(super) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
