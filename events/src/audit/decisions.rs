//! Whether the rules would decide the same again: every recorded event asked of the decider anew.
//!
//! An event holds all that its command said, so the command can be had back from it. Where two
//! commands may have led to the same event (a failure is told by a worker, by a deadline, or by
//! whoever gave a node up), one of them has to give it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Entry;
use super::past::Past;
use crate::aggregate::{Aggregate, Decision};
use crate::claim::{Claim, ClaimCommand, ClaimEvent};
use crate::envelope::{Actor, Envelope};
use crate::id::NodeId;
use crate::node::{NodeCommand, NodeEvent};
use crate::upcast::AnyEvent;
use crate::user::{Certified, UserCommand, UserEvent};
use crate::workspace::{Command, Report, WorkspaceEvent as Event};

/// A decision that would be another one today.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Where the recorded one is.
    pub sequence: u64,
    /// About which aggregate.
    pub subject: String,
    /// What was recorded.
    pub recorded: Value,
    /// What is decided now, in words.
    pub decided: String,
}

/// What came of asking again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Decisions made again.
    pub decided: u64,
    /// Events of aggregates whose beginning is not there: nothing can be said of them.
    pub without_beginning: u64,
    /// Those that came out differently.
    pub different: Vec<Difference>,
}

/// Decides a history again, event by event.
#[derive(Debug, Default)]
pub struct Decisions {
    past: Past,
    verdict: Verdict,
}

impl Decisions {
    /// The next event of the log.
    pub fn take(&mut self, entry: &Entry) {
        let outcome = self.again(entry);
        self.past.take(entry);
        match outcome {
            None => self.verdict.without_beginning += 1,
            Some(Ok(())) => self.verdict.decided += 1,
            Some(Err(decided)) => {
                self.verdict.decided += 1;
                self.verdict.different.push(Difference {
                    sequence: entry.sequence,
                    subject: entry.subject().to_owned(),
                    recorded: entry.data(),
                    decided,
                });
            }
        }
    }

    /// What came of it.
    pub fn finish(self) -> Verdict {
        self.verdict
    }

    /// `None` for an event of an aggregate whose beginning is not there.
    fn again(&self, entry: &Entry) -> Option<Result<(), String>> {
        let id = entry.subject();
        match &entry.event {
            AnyEvent::Workspace(event) => {
                let state = before(&self.past.workspaces, id);
                let begins = matches!(event.data, Event::Requested { .. });
                let known = state.definition.is_some() || begins;
                known.then(|| decided(&state, &of_workspace(event, &state), &event.data))
            }
            AnyEvent::User(event) => {
                let state = before(&self.past.users, id);
                let begins = matches!(event.data, UserEvent::Registered { .. });
                let known = state.profile.is_some() || state.erased || begins;
                known.then(|| decided(&state, &[of_user(&event.data)], &event.data))
            }
            AnyEvent::Node(event) => {
                let state = before(&self.past.nodes, id);
                let begins = matches!(event.data, NodeEvent::Joined { .. });
                let known = state.profile.is_some() || begins;
                known.then(|| decided(&state, &[of_node(&event.data)], &event.data))
            }
            AnyEvent::Claim(event) => {
                let state = before(&self.past.claims, id);
                let begins = matches!(
                    event.data,
                    ClaimEvent::Claimed { .. } | ClaimEvent::KeyClaimed { .. }
                );
                let known = state.changed_at.is_some() || begins;
                known.then(|| decided(&state, &[of_claim(&event.data, &state)], &event.data))
            }
        }
    }
}

fn before<K: Ord + std::str::FromStr, A: Clone + Default>(
    all: &std::collections::BTreeMap<K, super::past::Known<A>>,
    id: &str,
) -> A {
    let known = id.parse().ok().and_then(|id| all.get(&id));
    known.map(|known| known.state.clone()).unwrap_or_default()
}

/// Whether one of `commands` leads to `recorded`; if none does, what the last one leads to.
fn decided<A: Aggregate>(
    state: &A,
    commands: &[A::Command],
    recorded: &A::Event,
) -> Result<(), String> {
    let mut told = "no command leads to it".to_owned();
    for command in commands {
        told = match state.decide(command) {
            Ok(Decision::Event(event)) if event == *recorded => return Ok(()),
            Ok(Decision::Event(event)) => {
                format!("another event: {}", json(&event))
            }
            Ok(Decision::Nothing(reason)) => format!("nothing: {reason}"),
            Err(rejection) => format!("refused: {rejection}"),
        };
    }
    Err(told)
}

fn json(event: &impl Serialize) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

fn reporter(actor: &Actor) -> Option<NodeId> {
    match actor {
        Actor::Node(node) => Some(*node),
        Actor::User(_) | Actor::System(_) | Actor::Operator => None,
    }
}

/// What may have been asked of a workspace.
fn of_workspace(event: &Envelope<Event>, state: &crate::workspace::Workspace) -> Vec<Command> {
    let node = reporter(&event.actor);
    let report = |operation, epoch, report| Command::Report {
        operation,
        epoch,
        node,
        report,
    };
    let one = match event.data.clone() {
        Event::Requested {
            owner,
            name,
            spec,
            ssh_port,
            operation,
        } => Command::Request {
            owner,
            name,
            spec,
            ssh_port,
            operation,
        },
        Event::StartRequested { operation, .. } => Command::Start { operation },
        Event::StopRequested {
            operation, reason, ..
        } => Command::Stop { operation, reason },
        Event::DeleteRequested { operation, .. } => Command::Delete { operation },
        Event::IdleDetected { operation, .. } => Command::DetectIdle { operation },
        Event::Placed {
            operation,
            epoch,
            node,
        } => Command::Place {
            operation,
            epoch,
            node,
        },
        Event::StepStarted {
            operation,
            epoch,
            step,
        } => report(operation, epoch, Report::StepStarted { step }),
        Event::StepSucceeded {
            operation,
            epoch,
            step,
            duration_ms,
            detail,
        } => {
            let succeeded = Report::StepSucceeded {
                step,
                duration_ms,
                detail,
            };
            report(operation, epoch, succeeded)
        }
        Event::StepFailed {
            operation,
            epoch,
            duration_ms,
            failure,
        } => {
            let failed = Report::StepFailed {
                duration_ms,
                failure,
            };
            report(operation, epoch, failed)
        }
        Event::MachineReady {
            operation,
            epoch,
            machine,
        } => report(operation, epoch, Report::MachineReady { machine }),
        Event::RepositoryCloned {
            operation,
            epoch,
            commit,
            branch,
        } => report(
            operation,
            epoch,
            Report::RepositoryCloned { commit, branch },
        ),
        Event::Ready {
            operation,
            epoch,
            at,
            partial,
            ..
        } => report(operation, epoch, Report::Ready { at, partial }),
        Event::Stopped {
            operation,
            epoch,
            duration_ms,
        } => {
            let at = ended(state, duration_ms, event.time);
            report(operation, epoch, Report::Stopped { at })
        }
        Event::Deleted {
            operation,
            epoch,
            duration_ms,
        } => {
            let at = ended(state, duration_ms, event.time);
            report(operation, epoch, Report::Deleted { at })
        }
        Event::Failed {
            operation,
            epoch,
            failure,
        } => {
            let now = event.time;
            let told = failure.clone();
            return vec![
                report(operation, epoch, Report::Failed { failure: told }),
                Command::TimeOut { operation, now },
                Command::Abandon { operation, failure },
            ];
        }
        Event::ServiceChanged {
            epoch,
            service,
            status,
            port,
            mapped_port,
            cause,
        } => Command::ReportService {
            epoch,
            service,
            status,
            port,
            mapped_port,
            cause,
        },
        Event::SshPortRefused { epoch, port, cause } => {
            Command::ReportSshPort { epoch, port, cause }
        }
        Event::SshPortMoved { from, to } => Command::MoveSshPort { from, to },
        Event::MachineExited { epoch, exit } => Command::ReportExit { epoch, exit },
        Event::ActivityObserved { source, at } => Command::ObserveActivity { source, at },
        Event::HoldPlaced { name, hold } => Command::PlaceHold { name, hold },
        Event::HoldReleased { name, at } => Command::ReleaseHold { name, at },
        Event::ResultIgnored {
            operation,
            epoch,
            node,
            result,
        } => {
            let Some(told) = result_told(&result, event) else {
                return Vec::new();
            };
            Command::Report {
                operation,
                epoch,
                node,
                report: told,
            }
        }
    };
    vec![one]
}

/// When an operation that took so long had ended.
fn ended(
    state: &crate::workspace::Workspace,
    duration_ms: u64,
    told: jiff::Timestamp,
) -> jiff::Timestamp {
    let began = state.operation.as_ref().map(|own| own.requested_at);
    let took = jiff::SignedDuration::from_millis(duration_ms.try_into().unwrap_or(i64::MAX));
    began
        .and_then(|began| began.checked_add(took).ok())
        .unwrap_or(told)
}

/// A result that came too late is only known by its word.
fn result_told(result: &str, event: &Envelope<Event>) -> Option<Report> {
    let at = event.time;
    Some(match result {
        "ready" => Report::Ready { at, partial: false },
        "stopped" => Report::Stopped { at },
        "deleted" => Report::Deleted { at },
        "failed" => {
            let code = crate::failure::FailureCode::InternalError;
            let failure = crate::failure::Failure::new(code, "", "");
            Report::Failed { failure }
        }
        _ => return None,
    })
}

fn of_user(event: &UserEvent) -> UserCommand {
    match event.clone() {
        UserEvent::Registered { profile } => UserCommand::Register { profile },
        UserEvent::KeyAdded {
            fingerprint,
            public_key,
            at,
        } => UserCommand::AddKey {
            fingerprint,
            public_key,
            at,
        },
        UserEvent::KeyRemoved { fingerprint, at } => UserCommand::RemoveKey { fingerprint, at },
        UserEvent::TokenIssued { id, token, at } => UserCommand::IssueToken { id, token, at },
        UserEvent::TokenRevoked { id, at } => UserCommand::RevokeToken { id, at },
        UserEvent::CertificateIssued {
            fingerprint,
            token,
            valid_before,
            at,
        } => UserCommand::IssueCertificate {
            fingerprint,
            certified: Certified {
                token,
                valid_before,
            },
            at,
        },
        UserEvent::CredentialsChanged { set, removed, at } => {
            UserCommand::ChangeCredentials { set, removed, at }
        }
        UserEvent::ScriptsChanged { post_start, at } => {
            UserCommand::ChangeScripts { post_start, at }
        }
        UserEvent::Erased { at } => UserCommand::Erase { at },
    }
}

fn of_node(event: &NodeEvent) -> NodeCommand {
    match event.clone() {
        NodeEvent::Joined { profile, at } => NodeCommand::Join { profile, at },
        NodeEvent::DrainStarted { at } => NodeCommand::Drain { at },
        NodeEvent::Lost { last_heard, at } => NodeCommand::Lose { last_heard, at },
        NodeEvent::Returned { at } => NodeCommand::Hear { at },
        NodeEvent::Left { at } => NodeCommand::Leave { at },
    }
}

fn of_claim(event: &ClaimEvent, state: &Claim) -> ClaimCommand {
    match event.clone() {
        // How long a released value was kept from others is a setting of that time.
        ClaimEvent::Claimed { workspace, at } => ClaimCommand::Claim {
            workspace,
            at,
            quarantine: jiff::SignedDuration::ZERO,
        },
        ClaimEvent::Released { workspace, at } => ClaimCommand::Release { workspace, at },
        ClaimEvent::KeyClaimed { user, at } => ClaimCommand::ClaimKey { user, at },
        ClaimEvent::KeyReleased { user, at } => ClaimCommand::ReleaseKey {
            user,
            claimed_at: state.changed_at.unwrap_or(at),
            at,
        },
    }
}
