//! Every subject reads back as what it was built from, and nothing else reads as a subject.

use nexus_events::aggregate::Kind;
use nexus_events::id::{NodeId, OperationId, WorkspaceId};
use nexus_events::spec::Provider;
use nexus_events::workspace::Step;
use nexus_nats::{CommandSubject, EventSubject, LogSubject, ParkedSubject, Route};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn route() -> impl Strategy<Value = Route> {
    prop_oneof![
        Just(Route::Any),
        uuid().prop_map(|id| Route::Node(NodeId::from_uuid(id)))
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        select(vec![Step::Image, Step::Clone, Step::Install, Step::Delete]),
        "[a-z][a-z0-9-]{0,20}[a-z0-9]"
            .prop_filter_map("a service", |name| { name.parse().ok().map(Step::Service) }),
    ]
}

proptest! {
    #[test]
    fn events(kind in select(Kind::ALL.to_vec()), id in "[a-z0-9_-]{1,128}") {
        let subject = EventSubject::new(kind, &id).unwrap();
        prop_assert_eq!(subject.as_str().parse::<EventSubject>().unwrap(), subject.clone());
        prop_assert_eq!((subject.kind(), subject.id()), (kind, id.as_str()));
    }

    #[test]
    fn commands(
        provider in select(Provider::ALL.to_vec()),
        route in route(),
        workspace in uuid(),
    ) {
        let workspace = WorkspaceId::from_uuid(workspace);
        let subject = CommandSubject { provider, route, workspace };
        prop_assert_eq!(subject.to_string().parse::<CommandSubject>().unwrap(), subject);
    }

    #[test]
    fn logs(workspace in uuid(), operation in uuid(), step in step()) {
        let subject = LogSubject {
            workspace: WorkspaceId::from_uuid(workspace),
            operation: OperationId::from_uuid(operation),
            step,
        };
        prop_assert_eq!(subject.to_string().parse::<LogSubject>().unwrap(), subject);
    }

    #[test]
    fn parked(sequence: u64, command: bool) {
        let subject =
            if command { ParkedSubject::Command(sequence) } else { ParkedSubject::Event(sequence) };
        prop_assert_eq!(subject.to_string().parse::<ParkedSubject>().unwrap(), subject);
    }

    /// What parses is spelled exactly as it would be built, so no two texts mean one thing.
    #[test]
    fn nothing_else(text in "(nexus\\.(evt|cmd|log|parked)\\.)?[a-z0-9.*> _A-Z+-]{0,90}") {
        if let Ok(subject) = text.parse::<EventSubject>() {
            prop_assert_eq!(subject.to_string(), text.clone());
        }
        if let Ok(subject) = text.parse::<CommandSubject>() {
            prop_assert_eq!(subject.to_string(), text.clone());
        }
        if let Ok(subject) = text.parse::<LogSubject>() {
            prop_assert_eq!(subject.to_string(), text.clone());
        }
        if let Ok(subject) = text.parse::<ParkedSubject>() {
            prop_assert_eq!(subject.to_string(), text);
        }
    }
}

#[test]
fn what_cannot_stand_in_a_subject_is_refused() {
    let long = "x".repeat(129);
    for id in ["", "a.b", "a b", "*", ">", "A", "ä", "a\n", long.as_str()] {
        assert!(EventSubject::new(Kind::Claim, &id).is_err(), "{id:?}");
    }
    for text in [
        "nexus.evt.workspace",
        "nexus.evt.workspace.a.b",
        "nexus.evt.other.a",
        "nexus.evt.workspace.*",
        "other.evt.workspace.a",
    ] {
        assert!(text.parse::<EventSubject>().is_err(), "{text}");
    }
    let ws = "ws-00000000000000000000000000000007";
    assert!(
        format!("nexus.cmd.docker.any.{ws}")
            .parse::<CommandSubject>()
            .is_ok()
    );
    for text in [
        format!("nexus.cmd.local.any.{ws}"),
        format!("nexus.cmd.docker.all.{ws}"),
        format!("nexus.cmd.docker.any.{ws}.more"),
        "nexus.cmd.docker.any.ws-7".to_owned(),
    ] {
        assert!(text.parse::<CommandSubject>().is_err(), "{text}");
    }
}
