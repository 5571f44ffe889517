//! What init's reports mean for the log: a translation, without effects.

use jiff::Timestamp;
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::name::{ServiceName, WorkspaceName};
use nexus_events::work::OutputStream;
use nexus_events::workspace::{ActivitySource, Report, ServiceStatus, Step};
use nexus_init_protocol as init;
use nexus_init_protocol::report::StepFailure;
use nexus_init_protocol::{Readiness, ReportEvent, StepName};

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    /// A step came on.
    Step(Report),
    /// The user and the host key are in place: the machine can be told of.
    HostKey { key: Option<String>, step: Report },
    /// The repository is there.
    Cloned {
        commit: String,
        branch: String,
        step: Report,
    },
    /// A service changed, and with it perhaps its step.
    Service(ServiceHeard),
    /// Something was printed.
    Output {
        step: Step,
        stream: OutputStream,
        text: String,
    },
    /// Somebody was at work.
    Activity {
        source: ActivitySource,
        at: Timestamp,
    },
    /// The set-up ended.
    Finished(Readiness),
    /// Nothing the log has a word for.
    Nothing,
}

/// A service that changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServiceHeard {
    pub(super) name: ServiceName,
    pub(super) status: ServiceStatus,
    /// `None`: as before.
    pub(super) port: Option<u16>,
    pub(super) cause: Option<String>,
    pub(super) step: Option<Report>,
}

/// Translates one report about the workspace called `workspace`.
pub(super) fn hear(event: ReportEvent, workspace: &WorkspaceName) -> Heard {
    match event {
        ReportEvent::StepStarted { step } => match step_of(&step) {
            Some(step) => Heard::Step(Report::StepStarted { step }),
            None => Heard::Nothing,
        },
        ReportEvent::Output { step, stream, text } => Heard::Output {
            // What init says about the services as a whole is part of no step of the log.
            step: step_of(&step).unwrap_or(Step::Hooks),
            stream: match stream {
                init::OutputStream::Stdout => OutputStream::Stdout,
                init::OutputStream::Stderr => OutputStream::Stderr,
            },
            text,
        },
        ReportEvent::StepSucceeded {
            step,
            duration_ms,
            detail,
        } => succeeded(&step, duration_ms, detail),
        ReportEvent::StepFailed {
            step,
            duration_ms,
            failure,
        } => {
            let step = step_of(&step).unwrap_or(Step::Hooks);
            let failure = failure_of(failure, step, workspace);
            Heard::Step(Report::StepFailed {
                duration_ms,
                failure,
            })
        }
        ReportEvent::ServiceStarting {
            service,
            port,
            attempt,
        } => {
            let step = (attempt == 0).then_some(|step| Report::StepStarted { step });
            service_heard(service, ServiceStatus::Starting, port, None, step)
        }
        ReportEvent::ServiceHealthy {
            service,
            port,
            duration_ms,
        } => {
            let step = |step| Report::StepSucceeded {
                step,
                duration_ms,
                detail: None,
            };
            service_heard(service, ServiceStatus::Running, port, None, Some(step))
        }
        ReportEvent::ServiceUnhealthy { service, cause } => service_heard(
            service,
            ServiceStatus::Unhealthy,
            None,
            Some(cause),
            NO_STEP,
        ),
        ReportEvent::ServiceExited {
            service,
            outcome,
            last_lines,
            restart_in_ms,
        } => exited(service, &outcome, &last_lines, restart_in_ms),
        ReportEvent::SetupFinished { readiness, .. } => Heard::Finished(readiness),
        ReportEvent::Activity { source, last_ms } => Heard::Activity {
            source: source_of(source),
            at: timestamp(last_ms),
        },
    }
}

const NO_STEP: Option<fn(Step) -> Report> = None;

/// How a service stands, as init's status has it.
pub(super) fn service_now(state: &init::ServiceState) -> Option<ServiceHeard> {
    use init::ServicePhase as Phase;
    let (status, cause) = match &state.phase {
        Phase::Waiting => (ServiceStatus::Pending, None),
        Phase::Starting | Phase::Restarting => (ServiceStatus::Starting, None),
        Phase::Healthy => (ServiceStatus::Running, None),
        Phase::Unhealthy { cause } => (ServiceStatus::Unhealthy, Some(cause.clone())),
        Phase::Failed { cause } => (ServiceStatus::Failed, Some(cause.clone())),
        Phase::Completed => (
            ServiceStatus::Stopped,
            Some("it ended by itself with 0".into()),
        ),
        Phase::Stopped => (ServiceStatus::Stopped, None),
    };
    let name = state.name.parse().ok()?;
    Some(ServiceHeard {
        name,
        status,
        port: state.port,
        cause,
        step: None,
    })
}

/// When something happened, by init's clock.
pub(super) fn timestamp(milliseconds: u64) -> Timestamp {
    let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}

fn succeeded(step: &StepName, duration_ms: u64, detail: init::report::StepDetail) -> Heard {
    let Some(word) = step_of(step) else {
        return Heard::Nothing;
    };
    let note = detail.note;
    let report = Report::StepSucceeded {
        step: word,
        duration_ms,
        detail: note,
    };
    match (step, detail.commit) {
        (StepName::Ssh, _) => Heard::HostKey {
            key: detail.host_key,
            step: report,
        },
        (StepName::Clone, Some(commit)) => {
            let branch = detail.branch.unwrap_or_default();
            Heard::Cloned {
                commit,
                branch,
                step: report,
            }
        }
        _ => Heard::Step(report),
    }
}

fn service_heard(
    service: String,
    status: ServiceStatus,
    port: Option<u16>,
    cause: Option<String>,
    step: Option<impl FnOnce(Step) -> Report>,
) -> Heard {
    let Ok(name) = service.parse::<ServiceName>() else {
        return Heard::Nothing;
    };
    let step = step.map(|report| report(Step::Service(name.clone())));
    Heard::Service(ServiceHeard {
        name,
        status,
        port,
        cause,
        step,
    })
}

fn exited(
    service: String,
    outcome: &init::ExitOutcome,
    last_lines: &[String],
    restart_in_ms: Option<u64>,
) -> Heard {
    let status = match restart_in_ms {
        Some(_) => ServiceStatus::Starting,
        None if outcome.is_success() => ServiceStatus::Stopped,
        None => ServiceStatus::Failed,
    };
    let cause = match last_lines.last() {
        Some(line) => format!("{outcome}: {line}"),
        None => outcome.to_string(),
    };
    service_heard(service, status, None, Some(cause), NO_STEP)
}

fn step_of(step: &StepName) -> Option<Step> {
    Some(match step {
        StepName::Ssh => Step::Ssh,
        StepName::Clone => Step::Clone,
        StepName::Install => Step::Install,
        StepName::Hooks => Step::Hooks,
        StepName::Services => return None,
        StepName::Service(name) => Step::Service(name.parse().ok()?),
    })
}

/// Init has no word for activity of the API's own, which is the control plane's to tell.
const fn source_of(source: init::ActivitySource) -> ActivitySource {
    match source {
        init::ActivitySource::Ssh => ActivitySource::Ssh,
        init::ActivitySource::Terminal => ActivitySource::Terminal,
        init::ActivitySource::Preview => ActivitySource::Preview,
        init::ActivitySource::Process => ActivitySource::Process,
    }
}

fn failure_of(failure: StepFailure, step: Step, workspace: &WorkspaceName) -> Failure {
    let mut cause = failure.cause;
    if let Some(line) = telling_line(&failure.last_lines)
        && !cause.contains(line)
    {
        cause = format!("{cause}: {line}");
    }
    let hint = failure.hint.unwrap_or_else(|| {
        format!("read what it printed: nexus workspace logs {workspace} --step {step}")
    });
    let mut told = Failure::new(code_of(&failure.code), cause, hint).in_step(step);
    told.retryable = failure.retryable;
    told
}

/// The line that says what was wrong: the last one that calls itself an error, else the last.
fn telling_line(lines: &[String]) -> Option<&str> {
    let lines = || lines.iter().rev().map(|line| line.trim());
    let is_error = |line: &&str| {
        let line = line.to_ascii_lowercase();
        ["fatal:", "error:", "err!", "error "]
            .iter()
            .any(|word| line.contains(word))
    };
    lines()
        .find(is_error)
        .or_else(|| lines().find(|line| !line.is_empty()))
}

/// Init's codes are words; which class they fall into is told by the words in them.
fn code_of(code: &str) -> FailureCode {
    let any = |words: &[&str]| words.iter().any(|word| code.contains(word));
    if any(&["not_found", "missing", "unknown_branch"]) {
        FailureCode::NotFound
    } else if any(&["auth", "denied", "permission"]) {
        FailureCode::AuthenticationError
    } else if any(&["timeout", "timed_out", "time_out", "too_long"]) {
        FailureCode::Timeout
    } else if any(&["config", "invalid", "refused_url"]) {
        FailureCode::ValidationError
    } else if any(&["network", "unreachable", "connect", "resolve"]) {
        FailureCode::NetworkError
    } else {
        FailureCode::ProcessError
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(event: ReportEvent) -> Heard {
        hear(event, &"hello".parse().unwrap())
    }

    #[test]
    fn a_failed_step_keeps_its_cause_last_line_and_next_command() {
        let event = ReportEvent::StepFailed {
            step: StepName::Clone,
            duration_ms: 5,
            failure: StepFailure {
                code: "repository_not_found".into(),
                cause: "git clone ended with 128".into(),
                outcome: None,
                last_lines: vec!["fatal: repository not found".into(), String::new()],
                hint: None,
                retryable: false,
            },
        };
        let Heard::Step(Report::StepFailed { failure, .. }) = heard(event) else {
            panic!("a failed step is a failed step");
        };
        assert_eq!(failure.code, FailureCode::NotFound);
        assert_eq!(failure.step, Some(Step::Clone));
        assert!(
            failure.cause.ends_with("fatal: repository not found"),
            "{}",
            failure.cause
        );
        assert_eq!(
            failure.hint,
            "read what it printed: nexus workspace logs hello --step clone"
        );
    }

    #[test]
    fn a_service_that_ends_is_told_by_whether_it_comes_again() {
        let exit = |code, restart_in_ms| ReportEvent::ServiceExited {
            service: "web".into(),
            outcome: init::ExitOutcome::Exited { code },
            last_lines: vec!["boom".into()],
            restart_in_ms,
        };
        for (event, status) in [
            (exit(1, Some(500)), ServiceStatus::Starting),
            (exit(1, None), ServiceStatus::Failed),
            (exit(0, None), ServiceStatus::Stopped),
        ] {
            let Heard::Service(service) = heard(event) else {
                panic!("a service was heard")
            };
            assert_eq!(service.status, status);
            assert!(service.cause.unwrap().ends_with("boom"));
        }
    }

    #[test]
    fn a_service_s_name_that_is_none_of_ours_is_not_told() {
        let event = ReportEvent::ServiceUnhealthy {
            service: "../x".into(),
            cause: "y".into(),
        };
        assert_eq!(heard(event), Heard::Nothing);
    }
}
