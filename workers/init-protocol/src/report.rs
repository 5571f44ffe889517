//! Numbered reports: what happened inside, in order, none lost and none twice.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::exec::ExitOutcome;
use crate::status::ActivitySource;

/// One entry of init's journal. Numbers grow by one and survive a restart of init, so a worker that
/// returns asks for all after the last it has stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Position in the journal, from 1.
    pub number: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
    /// The operation of the plan in force; empty before the first.
    pub operation: String,
    /// The epoch of the plan in force; 0 before the first.
    pub epoch: u64,
    /// What happened.
    pub event: ReportEvent,
}

/// What a report tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ReportEvent {
    /// A step of the set-up began.
    StepStarted {
        /// Which.
        step: StepName,
    },
    /// Output of a step or a service, in the order it came. The only kind of report that may be
    /// missing when the journal is full (oldest first); its number is then skipped.
    Output {
        /// Whose.
        step: StepName,
        /// Which stream.
        stream: OutputStream,
        /// Whole characters; bytes that are no UTF-8 are replaced.
        text: String,
    },
    /// A step ended well.
    StepSucceeded {
        /// Which.
        step: StepName,
        /// How long it took.
        duration_ms: u64,
        /// What it found or made.
        #[serde(default)]
        detail: StepDetail,
    },
    /// A step failed.
    StepFailed {
        /// Which.
        step: StepName,
        /// How long it took.
        duration_ms: u64,
        /// Why.
        failure: StepFailure,
    },
    /// A service's process was started.
    ServiceStarting {
        /// The service.
        service: String,
        /// Its port, when it has one.
        port: Option<u16>,
        /// 0 at first, then the number of the restart.
        attempt: u32,
    },
    /// The first good health check since the start or since it was unhealthy.
    ServiceHealthy {
        /// The service.
        service: String,
        /// Its port, when it has one.
        port: Option<u16>,
        /// Since the process was started.
        duration_ms: u64,
    },
    /// It was not healthy in time, or no longer is.
    ServiceUnhealthy {
        /// The service.
        service: String,
        /// What the last probe said.
        cause: String,
    },
    /// The process is gone.
    ServiceExited {
        /// The service.
        service: String,
        /// How it ended.
        outcome: ExitOutcome,
        /// The last lines it wrote.
        last_lines: Vec<String>,
        /// Milliseconds until it is started again; none when it is not.
        restart_in_ms: Option<u64>,
    },
    /// The set-up came to its end.
    SetupFinished {
        /// How.
        readiness: Readiness,
        /// Since the plan was applied.
        duration_ms: u64,
    },
    /// Somebody or something was at work; at most once per source and interval of the plan.
    Activity {
        /// Who.
        source: ActivitySource,
        /// When it was last seen, in milliseconds since 1970-01-01 UTC.
        last_ms: u64,
    },
}

/// How a set-up ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "readiness", rename_all = "kebab-case")]
pub enum Readiness {
    /// Every step succeeded and every service is healthy.
    Ready,
    /// The workspace can be used, but some things failed.
    Partial {
        /// Services that are not healthy.
        failed_services: Vec<String>,
        /// Steps that failed and did not end the set-up (install, hooks).
        failed_steps: Vec<StepName>,
    },
    /// A step without which there is no workspace failed.
    Failed {
        /// Which.
        step: StepName,
    },
    /// A newer plan took over.
    Superseded,
}

/// What a step found or made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StepDetail {
    /// `ssh`: the host's public key, one line in OpenSSH form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// `clone`: the commit checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// `clone`: the branch checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// A sentence for people, e.g. `npm ci` or `already cloned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why a step failed, in words a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailure {
    /// Stable, lower-case words with underscores, e.g. `repository_not_found`.
    pub code: String,
    /// One sentence.
    pub cause: String,
    /// How the command ended, when a command failed.
    #[serde(default)]
    pub outcome: Option<ExitOutcome>,
    /// The last lines of its output.
    #[serde(default)]
    pub last_lines: Vec<String>,
    /// What to try next.
    #[serde(default)]
    pub hint: Option<String>,
    /// Whether trying the same again can help.
    #[serde(default)]
    pub retryable: bool,
}

/// Which stream of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A step of the set-up, or a service as a source of output. One spelling for reports, log subjects
/// and pages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StepName {
    /// User, host key, authorized keys, secret files.
    Ssh,
    /// The repository.
    Clone,
    /// Dependencies.
    Install,
    /// The user's own commands.
    Hooks,
    /// All services, in order.
    Services,
    /// One service, `service-<name>`; only as a source of output.
    Service(String),
}

/// A step name that is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a step")]
pub struct UnknownStep(String);

impl fmt::Display for StepName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh => formatter.write_str("ssh"),
            Self::Clone => formatter.write_str("clone"),
            Self::Install => formatter.write_str("install"),
            Self::Hooks => formatter.write_str("hooks"),
            Self::Services => formatter.write_str("services"),
            Self::Service(name) => write!(formatter, "service-{name}"),
        }
    }
}

impl FromStr for StepName {
    type Err = UnknownStep;

    fn from_str(text: &str) -> Result<Self, UnknownStep> {
        Ok(match text {
            "ssh" => Self::Ssh,
            "clone" => Self::Clone,
            "install" => Self::Install,
            "hooks" => Self::Hooks,
            "services" => Self::Services,
            other => match other.strip_prefix("service-") {
                Some(name) if !name.is_empty() => Self::Service(name.to_owned()),
                _ => return Err(UnknownStep(other.to_owned())),
            },
        })
    }
}

impl TryFrom<String> for StepName {
    type Error = UnknownStep;

    fn try_from(text: String) -> Result<Self, UnknownStep> {
        text.parse()
    }
}

impl From<StepName> for String {
    fn from(step: StepName) -> Self {
        step.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_names_round_trip() {
        for text in [
            "ssh",
            "clone",
            "install",
            "hooks",
            "services",
            "service-web",
        ] {
            assert_eq!(text.parse::<StepName>().unwrap().to_string(), text);
        }
        for bad in ["", "service-", "Clone", "build"] {
            assert!(bad.parse::<StepName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_wire_form_of_a_report_is_stable() {
        let report = Report {
            number: 7,
            at_ms: 1,
            operation: "op-1".to_owned(),
            epoch: 2,
            event: ReportEvent::StepSucceeded {
                step: StepName::Clone,
                duration_ms: 12,
                detail: StepDetail {
                    commit: Some("abc".to_owned()),
                    ..StepDetail::default()
                },
            },
        };
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(
            json,
            r#"{"number":7,"at_ms":1,"operation":"op-1","epoch":2,"event":{"event":"step-succeeded","step":"clone","duration_ms":12,"detail":{"commit":"abc"}}}"#
        );
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }
}
