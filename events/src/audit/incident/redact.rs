//! What is personal in each event, and what stands in its place.
//!
//! Ids stay: they are random, or derived under a key that never leaves its server. Exhaustive, so
//! that a new event has to say what of it may be shown.

use std::collections::BTreeMap;

use crate::aggregate::EventData;
use crate::claim::{ClaimId, KeyDigest};
use crate::envelope::{Actor, Envelope};
use crate::failure::Failure;
use crate::name::{HoldName, HoldReason, WorkspaceName};
use crate::node::NodeEvent;
use crate::spec::{HealthProbe, Repository, WorkspaceSpec};
use crate::upcast::{AnyEvent, encode};
use crate::user::{CredentialName, Sealed, UserEvent};
use crate::workspace::WorkspaceEvent as Event;

/// What stands where something was taken out.
const OUT: &str = "redacted";

/// Replaces what is personal, the same by the same.
#[derive(Debug, Default)]
pub struct Redaction {
    words: BTreeMap<(&'static str, String), String>,
    /// What each workspace was called: decided hints name it.
    names: BTreeMap<String, (String, String)>,
}

impl Redaction {
    /// Subject and payload of the event without anything personal.
    pub(super) fn event(&mut self, event: AnyEvent) -> (String, Vec<u8>) {
        match event {
            AnyEvent::Workspace(mut event) => {
                let actor = event.actor.clone();
                event.data = self.workspace(&event.subject, &actor, event.data);
                written(&event)
            }
            AnyEvent::User(mut event) => {
                event.data = self.user(event.data);
                written(&event)
            }
            AnyEvent::Node(mut event) => {
                event.data = self.node(event.data);
                written(&event)
            }
            AnyEvent::Claim(mut event) => {
                event.subject = self.claim(&event.subject);
                written(&event)
            }
        }
    }

    /// The word that stands for `text` among those of its sort: `workspace-3`.
    fn word(&mut self, sort: &'static str, text: &str) -> String {
        let next = self
            .words
            .keys()
            .filter(|(other, _)| *other == sort)
            .count()
            + 1;
        let word = self
            .words
            .entry((sort, text.to_owned()))
            .or_insert_with(|| format!("{sort}-{next}"));
        word.clone()
    }

    fn name(&mut self, name: &WorkspaceName) -> WorkspaceName {
        let word = self.word("workspace", name.as_str());
        // A sort, a hyphen and a number make a name.
        word.parse().unwrap_or_else(|_| name.clone())
    }

    fn hold(&mut self, name: &HoldName) -> HoldName {
        let word = self.word("hold", name.as_str());
        word.parse().unwrap_or_else(|_| name.clone())
    }

    /// What a file is called may say whose it is.
    fn credential(&mut self, name: CredentialName) -> CredentialName {
        match name {
            CredentialName::Variable(name) => CredentialName::Variable(name),
            CredentialName::File(path) => {
                CredentialName::File(format!("/{OUT}/{}", self.word("file", &path)))
            }
        }
    }

    fn claim(&mut self, subject: &str) -> String {
        match subject.parse() {
            Ok(ClaimId::Name { owner, name }) => {
                let name = self.name(&name);
                ClaimId::Name { owner, name }.to_string()
            }
            Ok(ClaimId::Key(digest)) => {
                let word = self.word("key", &digest.fingerprint());
                ClaimId::Key(KeyDigest::of_word(&word)).to_string()
            }
            Ok(ClaimId::Port(_)) | Err(_) => subject.to_owned(),
        }
    }

    /// A worker's words may hold anything; what the deciders say names the workspace at most.
    fn failure(&mut self, workspace: &str, actor: &Actor, mut failure: Failure) -> Failure {
        match actor {
            Actor::Node(_) => {
                failure.cause = OUT.into();
                failure.hint = OUT.into();
            }
            Actor::User(_) | Actor::System(_) | Actor::Operator => {
                if let Some((name, word)) = self.names.get(workspace) {
                    failure.hint = renamed(&failure.hint, name, word);
                }
            }
        }
        failure
    }

    fn spec(&mut self, mut spec: WorkspaceSpec) -> WorkspaceSpec {
        spec.image = None;
        spec.repository = spec.repository.and_then(|own| self.repository(&own));
        for value in spec.environment.values_mut() {
            *value = OUT.into();
        }
        for service in spec.services.values_mut() {
            service.command = OUT.into();
            if let Some(check) = &mut service.health_check {
                match &mut check.probe {
                    HealthProbe::Http { path } => *path = "/".into(),
                    HealthProbe::Exec { command } => *command = OUT.into(),
                    HealthProbe::Tcp {} => {}
                }
            }
        }
        spec
    }

    fn repository(&mut self, repository: &Repository) -> Option<Repository> {
        let name = self.word("repository", repository.url.as_str());
        Some(Repository {
            owner: OUT.parse().ok()?,
            name: name.parse().ok()?,
            url: format!("https://{OUT}.invalid/{OUT}/{name}.git")
                .parse()
                .ok()?,
            branch: None,
        })
    }

    fn workspace(&mut self, subject: &str, actor: &Actor, event: Event) -> Event {
        match event {
            Event::Requested {
                owner,
                name,
                spec,
                ssh_port,
                operation,
            } => {
                let word = self.name(&name);
                let names = (name.to_string(), word.to_string());
                self.names.insert(subject.to_owned(), names);
                Event::Requested {
                    owner,
                    name: word,
                    spec: Box::new(self.spec(*spec)),
                    ssh_port,
                    operation,
                }
            }
            Event::StepSucceeded {
                operation,
                epoch,
                step,
                duration_ms,
                detail,
            } => Event::StepSucceeded {
                operation,
                epoch,
                step,
                duration_ms,
                detail: detail.map(|_| OUT.into()),
            },
            Event::StepFailed {
                operation,
                epoch,
                duration_ms,
                failure,
            } => Event::StepFailed {
                operation,
                epoch,
                duration_ms,
                failure: self.failure(subject, actor, failure),
            },
            Event::MachineReady {
                operation,
                epoch,
                mut machine,
            } => {
                machine.handle = self.word("machine", &machine.handle);
                machine.host_key = machine.host_key.map(|key| self.word("key", &key));
                for text in [
                    &mut machine.image,
                    &mut machine.user,
                    &mut machine.home,
                    &mut machine.directory,
                ] {
                    *text = OUT.into();
                }
                Event::MachineReady {
                    operation,
                    epoch,
                    machine,
                }
            }
            Event::RepositoryCloned {
                operation, epoch, ..
            } => Event::RepositoryCloned {
                operation,
                epoch,
                commit: OUT.into(),
                branch: OUT.into(),
            },
            Event::ServiceChanged {
                epoch,
                service,
                status,
                port,
                mapped_port,
                cause,
            } => Event::ServiceChanged {
                epoch,
                service,
                status,
                port,
                mapped_port,
                cause: cause.map(|cause| self.word("cause", &cause)),
            },
            Event::SshPortRefused { epoch, port, cause } => Event::SshPortRefused {
                epoch,
                port,
                cause: self.word("cause", &cause),
            },
            Event::Failed {
                operation,
                epoch,
                failure,
            } => Event::Failed {
                operation,
                epoch,
                failure: self.failure(subject, actor, failure),
            },
            Event::MachineExited { epoch, mut exit } => {
                exit.cause = OUT.into();
                Event::MachineExited { epoch, exit }
            }
            Event::HoldPlaced { name, mut hold } => {
                let told = hold.reason.is_some();
                hold.reason = told.then(|| OUT.parse::<HoldReason>().ok()).flatten();
                Event::HoldPlaced {
                    name: self.hold(&name),
                    hold,
                }
            }
            Event::HoldReleased { name, at } => Event::HoldReleased {
                name: self.hold(&name),
                at,
            },
            Event::IdleDetected {
                operation,
                epoch,
                looked_at,
                after_seconds,
                lapsed_holds,
            } => Event::IdleDetected {
                operation,
                epoch,
                looked_at,
                after_seconds,
                lapsed_holds: lapsed_holds
                    .into_iter()
                    .map(|(name, at)| (self.hold(&name), at))
                    .collect(),
            },
            shown @ (Event::StartRequested { .. }
            | Event::StopRequested { .. }
            | Event::DeleteRequested { .. }
            | Event::Placed { .. }
            | Event::StepStarted { .. }
            | Event::SshPortMoved { .. }
            | Event::Ready { .. }
            | Event::Stopped { .. }
            | Event::Deleted { .. }
            | Event::ActivityObserved { .. }
            | Event::ResultIgnored { .. }) => shown,
        }
    }

    fn user(&mut self, event: UserEvent) -> UserEvent {
        let sealed = || Sealed(OUT.into());
        match event {
            UserEvent::Registered { mut profile } => {
                profile.github_login = sealed();
                profile.github_id = sealed();
                UserEvent::Registered { profile }
            }
            UserEvent::KeyAdded {
                fingerprint, at, ..
            } => UserEvent::KeyAdded {
                fingerprint: self.word("key", &fingerprint),
                public_key: sealed(),
                at,
            },
            UserEvent::KeyRemoved { fingerprint, at } => UserEvent::KeyRemoved {
                fingerprint: self.word("key", &fingerprint),
                at,
            },
            UserEvent::TokenIssued { id, mut token, at } => {
                token.digest = self.word("token", &token.digest);
                UserEvent::TokenIssued { id, token, at }
            }
            UserEvent::CertificateIssued {
                fingerprint,
                token,
                valid_before,
                at,
            } => UserEvent::CertificateIssued {
                fingerprint: self.word("key", &fingerprint),
                token,
                valid_before,
                at,
            },
            UserEvent::CredentialsChanged { set, removed, at } => UserEvent::CredentialsChanged {
                set: set
                    .into_iter()
                    .map(|(name, digest)| (self.credential(name), self.word("digest", &digest)))
                    .collect(),
                removed: removed
                    .into_iter()
                    .map(|name| self.credential(name))
                    .collect(),
                at,
            },
            UserEvent::ScriptsChanged { post_start, at } => UserEvent::ScriptsChanged {
                post_start: post_start.map(|digest| self.word("digest", &digest)),
                at,
            },
            shown @ (UserEvent::TokenRevoked { .. } | UserEvent::Erased { .. }) => shown,
        }
    }

    fn node(&mut self, event: NodeEvent) -> NodeEvent {
        match event {
            NodeEvent::Joined { mut profile, at } => {
                profile.hostname = self.word("host", &profile.hostname);
                NodeEvent::Joined { profile, at }
            }
            shown @ (NodeEvent::DrainStarted { .. }
            | NodeEvent::Lost { .. }
            | NodeEvent::Returned { .. }
            | NodeEvent::Left { .. }) => shown,
        }
    }
}

fn written<D: EventData>(event: &Envelope<D>) -> (String, Vec<u8>) {
    let subject = format!("nexus.evt.{}.{}", D::KIND, event.subject);
    (subject, encode(event))
}

/// Whole words only: a workspace may be called as a word of the sentence ends.
fn renamed(text: &str, name: &str, word: &str) -> String {
    let words = text.split(' ');
    let renamed = words.map(|each| if each == name { word } else { each });
    renamed.collect::<Vec<_>>().join(" ")
}
