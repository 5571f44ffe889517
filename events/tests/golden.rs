//! One file per event and version, read for ever: what was written once must always be readable.
//!
//! A new event writes its file with `NEXUS_BLESS=1 cargo test -p nexus-events --test golden`;
//! an existing file is never rewritten, even then.
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::PathBuf;

use common::{at, machine, node, operation, requested, workspace};
use nexus_events::aggregate::EventData;
use nexus_events::claim::{ClaimEvent, ClaimId, KeyDigest};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::failure::{Failure, FailureCode};
use nexus_events::id::{CorrelationId, EventId, TokenId, UserId};
use nexus_events::node::{NodeEvent, NodeProfile};
use nexus_events::spec::{Capabilities, Provider};
use nexus_events::upcast;
use nexus_events::user::{Profile, Scope, Sealed, Token, UserEvent};
use nexus_events::workspace::{
    ActivitySource, Hold, MachineExit, ServiceStatus, Step, StopReason, WorkspaceEvent,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn envelope<D: EventData>(subject: &impl std::fmt::Display, data: D) -> Envelope<D> {
    let context = Context {
        id: EventId::derived(data.name()),
        at: at(1),
        actor: Actor::Operator,
        correlation: CorrelationId::derived("golden"),
        causation: Some(EventId::derived("before").to_string()),
        traceparent: None,
    };
    Envelope::new(context, subject, data)
}

/// Compares each event with its file, in both directions.
fn check<D: EventData + Debug>(subject: &impl std::fmt::Display, events: Vec<D>, known: usize) {
    let mut names = BTreeSet::new();
    for event in events {
        let written = envelope(subject, event);
        names.insert(written.event_type.clone());
        let path = folder().join(format!("{}.json", written.event_type));
        if std::env::var_os("NEXUS_BLESS").is_some() && !path.exists() {
            let json = serde_json::to_string_pretty(&written).unwrap() + "\n";
            std::fs::write(&path, json).unwrap();
        }
        let file = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; bless it if it is new", path.display()));
        let read: Envelope<D> = upcast::decode(file.as_bytes()).unwrap();
        assert_eq!(read, written, "{}", path.display());
        let golden: serde_json::Value = serde_json::from_str(&file).unwrap();
        let now: serde_json::Value = serde_json::from_slice(&upcast::encode(&written)).unwrap();
        assert_eq!(
            now,
            golden,
            "what is written today differs from {}",
            path.display()
        );
    }
    assert_eq!(names.len(), known, "one example per event: {names:?}");
}

#[test]
fn workspace_events() {
    let new = operation("create", 0);
    let (operation, epoch) = (new.id, 2);
    let failure = Failure::new(
        FailureCode::ProcessError,
        "git: exit code 128",
        "check the branch",
    )
    .in_step(Step::Clone);
    check(
        &workspace("hello"),
        vec![
            requested(new),
            WorkspaceEvent::StartRequested {
                operation: new,
                epoch,
                supersedes: None,
            },
            WorkspaceEvent::StopRequested {
                operation: new,
                epoch,
                supersedes: Some(operation),
                reason: StopReason::Person,
            },
            WorkspaceEvent::DeleteRequested {
                operation: new,
                epoch,
                supersedes: None,
            },
            WorkspaceEvent::IdleDetected {
                operation: new,
                epoch,
                looked_at: [(ActivitySource::Ssh, at(3))].into(),
                after_seconds: 600,
                lapsed_holds: Default::default(),
            },
            WorkspaceEvent::Placed {
                operation,
                epoch,
                node: node("a"),
            },
            WorkspaceEvent::StepStarted {
                operation,
                epoch,
                step: Step::Service("web".parse().unwrap()),
            },
            WorkspaceEvent::StepSucceeded {
                operation,
                epoch,
                step: Step::Install,
                duration_ms: 12,
                detail: Some("npm ci".into()),
            },
            WorkspaceEvent::StepFailed {
                operation,
                epoch,
                duration_ms: 12,
                failure: failure.clone(),
            },
            WorkspaceEvent::MachineReady {
                operation,
                epoch,
                machine: machine(),
            },
            WorkspaceEvent::RepositoryCloned {
                operation,
                epoch,
                commit: "0123abcd".into(),
                branch: "main".into(),
            },
            WorkspaceEvent::ServiceChanged {
                epoch,
                service: "web".parse().unwrap(),
                status: ServiceStatus::Running,
                port: Some(3000),
                mapped_port: Some(23000),
                cause: None,
            },
            WorkspaceEvent::SshPortRefused {
                epoch,
                port: 2222,
                cause: "Address already in use".into(),
            },
            WorkspaceEvent::SshPortMoved {
                from: 2222,
                to: 2223,
            },
            WorkspaceEvent::Ready {
                operation,
                epoch,
                at: at(9),
                partial: true,
                duration_ms: 9,
            },
            WorkspaceEvent::Stopped {
                operation,
                epoch,
                duration_ms: 9,
            },
            WorkspaceEvent::Deleted {
                operation,
                epoch,
                duration_ms: 9,
            },
            WorkspaceEvent::Failed {
                operation,
                epoch,
                failure,
            },
            WorkspaceEvent::MachineExited {
                epoch,
                exit: MachineExit {
                    code: Some(137),
                    out_of_memory: true,
                    cause: "out of memory".into(),
                },
            },
            WorkspaceEvent::ActivityObserved {
                source: ActivitySource::Terminal,
                at: at(4),
            },
            WorkspaceEvent::HoldPlaced {
                name: "build".parse().unwrap(),
                hold: Hold {
                    reason: Some("a long build".parse().unwrap()),
                    until: Some(at(900)),
                    at: at(60),
                },
            },
            WorkspaceEvent::HoldReleased {
                name: "build".parse().unwrap(),
                at: at(70),
            },
            WorkspaceEvent::ResultIgnored {
                operation,
                epoch,
                node: Some(node("a")),
                result: "ready".into(),
            },
        ],
        23,
    );
}

#[test]
fn user_events() {
    let sealed = |text: &str| Sealed(text.into());
    let id = TokenId::derived("t");
    check(
        &UserId::derived("alice"),
        vec![
            UserEvent::Registered {
                profile: Profile {
                    github_login: sealed("c2VhbGVk"),
                    github_id: sealed("c2VhbGVk"),
                    registered_at: at(0),
                },
            },
            UserEvent::KeyAdded {
                fingerprint: "SHA256:x".into(),
                public_key: sealed("c2VhbGVk"),
                at: at(1),
            },
            UserEvent::KeyRemoved {
                fingerprint: "SHA256:x".into(),
                at: at(2),
            },
            UserEvent::TokenIssued {
                id,
                token: Token {
                    digest: "00ff".into(),
                    scope: Scope::User,
                    expires_at: Some(at(9)),
                },
                at: at(3),
            },
            UserEvent::TokenRevoked { id, at: at(4) },
            UserEvent::CertificateIssued {
                fingerprint: "SHA256:y".into(),
                token: Some(id),
                valid_before: at(9),
                at: at(4),
            },
            UserEvent::CredentialsChanged {
                set: [("env.TOKEN".parse().unwrap(), "00ff".into())].into(),
                removed: ["files.~/.netrc".parse().unwrap()].into(),
                at: at(4),
            },
            UserEvent::ScriptsChanged {
                post_start: Some("00ff".into()),
                at: at(4),
            },
            UserEvent::Erased { at: at(5) },
        ],
        9,
    );
}

#[test]
fn node_events() {
    let profile = NodeProfile {
        provider: Provider::Docker,
        hostname: "box".into(),
        engine: "docker 20.10.24".into(),
        version: "0.1.0".into(),
        slots: 4,
        capabilities: Capabilities {
            hard_memory_limit: true,
            ..Capabilities::default()
        },
    };
    check(
        &node("a"),
        vec![
            NodeEvent::Joined { profile, at: at(0) },
            NodeEvent::DrainStarted { at: at(1) },
            NodeEvent::Lost {
                last_heard: Some(at(1)),
                at: at(2),
            },
            NodeEvent::Returned { at: at(3) },
            NodeEvent::Left { at: at(4) },
        ],
        5,
    );
}

#[test]
fn claim_events() {
    let workspace = workspace("hello");
    check(
        &ClaimId::Port(2222),
        vec![
            ClaimEvent::Claimed {
                workspace,
                at: at(0),
            },
            ClaimEvent::Released {
                workspace,
                at: at(1),
            },
        ],
        2,
    );
    let user = UserId::derived("ada");
    let key = KeyDigest::of_fingerprint("SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    check(
        &ClaimId::Key(key.unwrap()),
        vec![
            ClaimEvent::KeyClaimed { user, at: at(0) },
            ClaimEvent::KeyReleased { user, at: at(1) },
        ],
        2,
    );
}

#[test]
fn an_event_newer_than_this_program_is_refused_not_guessed() {
    let written = envelope(&workspace("hello"), requested(operation("create", 0)));
    let newer = String::from_utf8(upcast::encode(&written))
        .unwrap()
        .replace(".v1\"", ".v9\"");
    let error = upcast::decode::<WorkspaceEvent>(newer.as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("newer than this program"),
        "{error}"
    );
}
