//! Each thing in each form it can be printed in.

use nexus_events::view::{EventView, Page, WorkspaceView};
use serde_json::json;

use super::*;

const SCREEN: Screen = Screen {
    width: 80,
    unicode: true,
    data_to_terminal: false,
    talk_to_terminal: false,
};

fn workspace() -> WorkspaceView {
    serde_json::from_value(json!({
        "id": "ws-00000000000000000000000000000001",
        "name": "hello",
        "owner": "user-00000000000000000000000000000002",
        "owner_login": "jane\u{1b}]0;owned\u{7}",
        "phase": "running",
        "status": "running",
        "unknown": false,
        "partial": true,
        "provider": "docker",
        "node": "node-00000000000000000000000000000003",
        "repository": {
            "owner": "org", "name": "hello", "url": "https://github.com/org/hello.git",
            "branch": "main", "commit": "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c"
        },
        "services": {
            "api": {"status": "running", "port": 8000, "mapped_port": 23000, "url": "http://127.0.0.1:23000"},
            "worker": {"status": "failed", "cause": "exit code 1\u{1b}[2J"}
        },
        "ssh": {"host": "127.0.0.1", "port": 2222, "user": "dev"},
        "activity": {},
        "created_at": "2026-11-21T04:00:00Z",
        "updated_at": "2026-11-21T04:00:05Z",
        "version": 12,
        "sequence": 40
    }))
    .unwrap()
}

fn page() -> Page<WorkspaceView> {
    Page {
        items: vec![workspace()],
        next: None,
        sequence: 40,
    }
}

fn shown<T: Show>(value: &T, output: Output) -> String {
    text(value, output, &SCREEN).unwrap()
}

#[test]
fn a_workspace_is_a_page_of_facts_and_services() {
    insta::assert_snapshot!(shown(&workspace(), Output::Table), @r"
    workspace   hello
    id          ws-00000000000000000000000000000001
    phase       running (partial)
    machine     docker
    node        node-00000000000000000000000000000003
    repository  https://github.com/org/hello.git @ main (1f2e3d4c5b6a)
    shell       nexus workspace ssh hello  (dev@127.0.0.1:2222)
    services
      api     running    http://127.0.0.1:23000
      worker  failed     exit code 1
    ");
}

#[test]
fn a_list_is_a_table_and_an_empty_one_its_headings() {
    // The age is the one cell that moves.
    let table = shown(&page(), Output::Table);
    let mut lines = table.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        [
            "NAME", "PHASE", "PROVIDER", "SERVICES", "SSH", "IDLE", "AGE", "OWNER"
        ]
    );
    let row = lines.next().unwrap();
    assert!(
        row.starts_with("hello  running (partial)  docker    1/2       127.0.0.1:2222"),
        "{row}"
    );
    assert!(
        row.ends_with("  jane") && !row.contains('\u{1b}'),
        "{row:?}"
    );
    let empty: Page<WorkspaceView> = Page {
        items: vec![],
        next: None,
        sequence: 1,
    };
    assert_eq!(shown(&empty, Output::Table).lines().count(), 1);
    assert_eq!(shown(&empty, Output::Name), "");
    assert_eq!(shown(&empty, Output::Ndjson), "");
}

#[test]
fn names_and_documents_are_one_a_line() {
    assert_eq!(shown(&page(), Output::Name), "hello\n");
    let lines = shown(&page(), Output::Ndjson);
    assert_eq!(lines.lines().count(), 1);
    assert_eq!(
        serde_json::from_str::<WorkspaceView>(&lines).unwrap(),
        workspace()
    );
}

#[test]
fn json_and_yaml_hold_the_same_and_can_be_read_back() {
    let json = shown(&page(), Output::Json);
    assert_eq!(
        serde_json::from_str::<Page<WorkspaceView>>(&json).unwrap(),
        page()
    );
    let yaml = shown(&page(), Output::Yaml);
    assert_eq!(
        serde_saphyr::from_str::<Page<WorkspaceView>>(&yaml).unwrap(),
        page()
    );
}

#[test]
fn services_have_a_table_of_their_own() {
    let services = Services(workspace().services);
    insta::assert_snapshot!(shown(&services, Output::Table), @r"
    SERVICE  STATUS   PORT  ADDRESS                 CAUSE
    api      running  8000  http://127.0.0.1:23000  -
    worker   failed   -     -                       exit code 1
    ");
    assert_eq!(shown(&services, Output::Name), "api\nworker\n");
    let first = shown(&services, Output::Ndjson)
        .lines()
        .next()
        .unwrap()
        .to_owned();
    assert!(
        first.starts_with(r#"{"name":"api","status":"running""#),
        "{first}"
    );
}

#[test]
fn an_event_is_one_line_whatever_is_in_it() {
    let view = EventView {
        sequence: 41,
        event: json!({
            "type": "nexus.workspace.step_failed.v1",
            "time": "2026-11-21T04:00:05.123Z",
            "subject": "ws-0193a2b4c5d6e7f8091a2b3c4d5e6f70",
            "data": {"step_failed": {"duration_ms": 40, "failure": {"cause": "no such\n\u{1b}[31mhost", "step": "clone"}}}
        }),
    };
    insta::assert_snapshot!(event_line(&view, &SCREEN), @r"
          41  04:00:05  workspace.step_failed         ws-2b3c4d5e6f70   duration_ms=40 failure=no such host
    ");
}
