//! Which server is asked, with what, and what is said when it cannot be.

use std::os::unix::fs::PermissionsExt as _;

use crate::fixture::{Fixture, Reply};
use crate::sample;

#[test]
fn nobody_there_says_how_to_start_somebody() {
    let fixture = Fixture::without_server();
    let ran = fixture.run(&["workspace", "list"]);
    assert_eq!(ran.code, 7);
    let [what, why, next] = ran.error();
    assert_eq!(what, "list the workspaces");
    assert!(
        why.contains("daemon.sock cannot be reached: No such file"),
        "{why}"
    );
    assert_eq!(next, "nexus daemon start");
}

#[test]
fn an_address_gets_the_token_of_the_file_or_the_variable_and_no_flag() {
    let (fixture, address) = Fixture::over_tcp(|_| Reply::json(&sample::page(&[])));
    let token = fixture.home().join("token");
    std::fs::write(&token, "from-file\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    fixture
        .run(&["workspace", "list", "--server", &address])
        .ok();
    let mut command = fixture.command(&["workspace", "list"]);
    command
        .env("NEXUS_SERVER", &address)
        .env("NEXUS_TOKEN", "from-variable");
    assert!(command.output().unwrap().status.success());
    let sent: Vec<_> = fixture
        .asked()
        .iter()
        .map(|asked| asked.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["Bearer from-file", "Bearer from-variable"]);
    assert_eq!(fixture.run(&["workspace", "list", "--token", "x"]).code, 2);
}

#[test]
fn the_socket_gets_no_token() {
    let fixture = Fixture::new(|_| Reply::json(&sample::page(&[])));
    let mut command = fixture.command(&["workspace", "list"]);
    command.env("NEXUS_TOKEN", "secret");
    assert!(command.output().unwrap().status.success());
    assert_eq!(fixture.asked()[0].header("authorization"), None);
}

#[test]
fn a_redirect_is_refused_and_the_token_stays() {
    let (elsewhere, other) = Fixture::over_tcp(|_| Reply::json(&sample::page(&[])));
    let (fixture, address) = Fixture::over_tcp(move |_| {
        let mut reply = Reply::text(307, "text/plain", "");
        reply
            .headers
            .push(("location", format!("{other}/api/v1/workspaces")));
        reply
    });
    let mut command = fixture.command(&["workspace", "list", "--server", &address]);
    let ran: crate::fixture::Ran = command
        .env("NEXUS_TOKEN", "secret")
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.error()[1].contains("redirects are never followed"),
        "{ran:#?}"
    );
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn other_machines_are_not_spoken_to_in_clear() {
    let fixture = Fixture::without_server();
    for address in [
        "http://nexus.example.com",
        "https://nexus.example.com",
        "http://10.0.0.1:3001",
    ] {
        let mut command = fixture.command(&["workspace", "list", "--server", address]);
        let ran: crate::fixture::Ran = command
            .env("NEXUS_TOKEN", "secret")
            .output()
            .unwrap()
            .into();
        assert_eq!(ran.code, 2, "{ran:#?}");
        assert!(!ran.stderr.contains("secret"));
    }
}

#[test]
fn refusals_end_with_their_codes() {
    for (status, code, exit) in [
        (422, "VALIDATION_ERROR", 2),
        (404, "NOT_FOUND", 3),
        (410, "GONE", 3),
        (401, "AUTHENTICATION_ERROR", 4),
        (403, "FORBIDDEN", 4),
        (409, "CONFLICT", 5),
        (409, "PORT_POOL_EMPTY", 5),
        (503, "LOG_UNAVAILABLE", 6),
        (504, "TIMEOUT", 6),
        (500, "INTERNAL_ERROR", 1),
    ] {
        let fixture = Fixture::new(move |_| {
            sample::problem(status, code, "for a reason\u{1b}[2J", "nexus do this")
        });
        let ran = fixture.run(&["node", "list"]);
        assert_eq!(ran.code, exit, "{code}");
        assert_eq!(
            ran.error()[1],
            format!("for a reason ({code}, trace 4bf92f3577b34da6)")
        );
        assert_eq!(ran.error()[2], "nexus do this");
    }
}

#[test]
fn an_answer_that_is_not_ours_is_told_by_its_status() {
    let fixture = Fixture::new(|_| Reply::text(502, "text/html", "<h1>Bad Gateway</h1>"));
    let ran = fixture.run(&["node", "list"]);
    assert_eq!(ran.code, 1);
    assert!(ran.error()[1].contains("502"), "{ran:#?}");
    let fixture = Fixture::new(|_| Reply::text(200, "text/html", "<h1>hello</h1>"));
    assert_eq!(fixture.run(&["node", "list"]).error()[2], "nexus version");
}

#[test]
fn errors_are_coloured_only_where_wished() {
    let fixture = Fixture::without_server();
    assert!(!fixture.run(&["node", "list"]).stderr.contains('\u{1b}'));
    let coloured = fixture.run(&["node", "list", "--color", "always"]);
    assert!(
        coloured.stderr.starts_with("\u{1b}[1;31merror:"),
        "{coloured:?}"
    );
    let mut command = fixture.command(&["node", "list"]);
    let forced: crate::fixture::Ran = command.env("CLICOLOR_FORCE", "1").output().unwrap().into();
    assert!(forced.stderr.contains('\u{1b}'));
    let never = fixture.run(&["node", "list", "--color", "never"]);
    assert!(!never.stderr.contains('\u{1b}'));
}
