//! Progress as it looks, from one story of events.

use super::lines::Lines;
use super::*;

fn changes() -> Vec<Change> {
    let node = NodeId::derived("test");
    let step = |text: &str| text.parse::<Step>().unwrap();
    vec![
        Change::Placed { node },
        Change::Started {
            step: step("clone"),
        },
        Change::Ended {
            step: step("clone"),
            ok: true,
            duration_ms: 3_141,
            detail: None,
        },
        Change::Ended {
            step: step("service-web"),
            ok: false,
            duration_ms: 40,
            detail: Some("port 3000\n is \"taken\"\u{7}".into()),
        },
        Change::Finished {
            state: OperationState::Succeeded,
        },
    ]
}

fn lines(json: bool) -> String {
    let lines = Lines::new(OperationId::derived("test"), json);
    let texts: Vec<String> = changes().iter().map(|change| lines.text(change)).collect();
    texts.join("\n")
}

#[test]
fn plain_lines_are_words_and_values() {
    insta::assert_snapshot!(lines(false), @r#"
    operation=op-39e266f24f8353ff939f8c563e62268a state=placed node=node-ee1cbd702e005853af9e467308f7a8aa
    step=clone state=started
    step=clone state=done seconds=3.1
    step=service-web state=failed seconds=0.040 detail="port 3000 is \"taken\""
    operation=op-39e266f24f8353ff939f8c563e62268a state=succeeded
    "#);
}

#[test]
fn json_lines_are_documents_of_the_same() {
    for line in lines(true).lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
    insta::assert_snapshot!(lines(true), @r#"
    {"operation":"op-39e266f24f8353ff939f8c563e62268a","state":"placed","node":"node-ee1cbd702e005853af9e467308f7a8aa"}
    {"step":"clone","state":"started"}
    {"step":"clone","state":"done","seconds":3.141}
    {"step":"service-web","state":"failed","seconds":0.04,"detail":"port 3000 is \"taken\""}
    {"operation":"op-39e266f24f8353ff939f8c563e62268a","state":"succeeded"}
    "#);
}

#[test]
fn events_of_other_operations_change_nothing() {
    let ours = OperationId::derived("ours");
    let other = OperationId::derived("other");
    let event = |operation| WorkspaceEvent::Stopped {
        operation,
        epoch: 1,
        duration_ms: 1,
    };
    assert_eq!(Change::of(event(other), ours), None);
    let finished = Change::Finished {
        state: OperationState::Succeeded,
    };
    assert_eq!(Change::of(event(ours), ours), Some(finished));
}

#[test]
fn an_operation_that_is_superseded_has_ended() {
    let ours = OperationId::derived("ours");
    let newer = nexus_events::workspace::NewOperation {
        id: OperationId::derived("newer"),
        at: jiff::Timestamp::UNIX_EPOCH,
        deadline: jiff::Timestamp::UNIX_EPOCH,
    };
    let event = WorkspaceEvent::DeleteRequested {
        operation: newer,
        epoch: 2,
        supersedes: Some(ours),
    };
    let superseded = Change::Finished {
        state: OperationState::Superseded,
    };
    assert_eq!(Change::of(event, ours), Some(superseded));
}
