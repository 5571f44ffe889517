//! What viewers of terminals see, in both protocols.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::scene::Scene;
use crate::viewer::{Frame, Viewer};

#[tokio::test]
async fn binary_frames_are_the_terminal_and_text_frames_what_goes_with_it() {
    let scene = Scene::start().await;
    let (mut viewer, attached) = Viewer::attached(&scene, "session=main&cols=100&rows=30").await;
    assert_eq!(
        attached,
        json!({"type": "attached", "session": "main", "created": true, "from": 0, "end": 0,
            "read_only": false})
    );
    viewer.type_in("echo hello-$((1+1)); stty size\n").await;
    let shown = viewer.until("30 100").await;
    assert!(shown.contains("hello-2"), "{shown}");
    viewer
        .say(json!({"type": "resize", "cols": 120, "rows": 40}))
        .await;
    viewer.say(json!({"type": "ping", "id": 7})).await;
    assert_eq!(viewer.told().await, json!({"type": "pong", "id": 7}));
    viewer.type_in("stty size\n").await;
    viewer.until("40 120").await;
    viewer.say(json!({"type": "nonsense"})).await;
    assert_eq!(viewer.told().await["code"], "VALIDATION_ERROR");
    viewer.type_in("exit 3\n").await;
    let (told, code, reason) = viewer.end().await;
    assert_eq!(told, [json!({"type": "ended", "exit": {"code": 3}})]);
    assert_eq!((code, reason.as_str()), (1000, "the program ended"));
}

#[tokio::test]
async fn a_machines_terminal_speaks_the_first_protocol_to_the_letter() {
    let scene = Scene::start().await;
    let machine = scene.workspace.uuid().hyphenated();
    let mut viewer = Viewer::open(&scene, &format!("/machines/{machine}/terminal")).await;
    let size = json!({"type": "resize", "cols": 90, "rows": 20});
    viewer.say(size).await;
    let input = json!({"type": "input", "data": "stty size; printf '%s-%s\\n' ä €\n"});
    viewer.say(input).await;
    let shown = viewer.until("ä-€").await;
    assert!(shown.contains("20 90"), "{shown}");
    viewer.say(json!({"type": "input", "data": "exit\n"})).await;
    let (told, code, _) = viewer.end().await;
    assert!(told.iter().all(|told| told["type"] == "output"), "{told:?}");
    assert_eq!(code, 1000);

    let path = format!("/machines/{machine}/terminal?reconnect=true");
    let mut viewer = Viewer::open(&scene, &path).await;
    assert_eq!(
        viewer.next().await,
        Frame::Told(json!({"type": "reconnected", "message": "New session started"}))
    );
}

#[tokio::test]
async fn a_workspace_is_opened_by_its_name_in_binary_frames() {
    let scene = Scene::start().await;
    let mut viewer = Viewer::open(&scene, "/terminal/hello").await;
    let attached = viewer.told().await;
    assert!(
        attached["session"]
            .as_str()
            .expect("an id")
            .starts_with("anonymous-")
    );
    viewer.type_in("echo $((40+2))\n").await;
    viewer.until("42").await;
    let bearer = format!("Bearer {}", scene.ada.token);
    for (offered, chosen) in [
        ("nexus.term.json.v1", Some("nexus.term.json.v1")),
        ("other, nexus.term.bin.v1", Some("nexus.term.bin.v1")),
    ] {
        let headers = [
            ("authorization", bearer.as_str()),
            ("sec-websocket-protocol", offered),
        ];
        let path = "/terminal/hello";
        match Viewer::try_open(&scene, path, &headers).await {
            Ok(viewer) => assert_eq!(viewer.protocol.as_deref(), chosen, "{offered}"),
            Err(status) => panic!("{offered}: {status}"),
        }
    }
}

#[tokio::test]
async fn a_viewer_that_comes_back_loses_no_byte_and_gets_none_twice() {
    // More pieces than comebacks are asked for, and less than is kept for one who is away.
    const LINES: usize = 90_000;
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    viewer.type_in("stty -echo; PS1=; echo rea''dy\n").await;
    viewer.until("ready\r\n").await;
    viewer
        .type_in(&format!("seq 1 {LINES}; echo ov''er\n"))
        .await;
    // A connection that is torn takes along what was typed into it: it has to have come.
    let mut shown = viewer.until("1\r\n2\r\n").await.into_bytes();
    let mut comebacks = 0;
    while !shown[shown.len().saturating_sub(100)..]
        .windows(6)
        .any(|bytes| bytes == b"over\r\n")
    {
        match viewer.next().await {
            Frame::Bytes(bytes) => shown.extend_from_slice(&bytes),
            frame => panic!("{frame:?}"),
        }
        let at = viewer.at;
        if comebacks < 50 {
            comebacks += 1;
            drop(viewer);
            let (again, attached) =
                Viewer::attached(&scene, &format!("session=main&after={at}")).await;
            assert_eq!(attached["created"], false);
            assert_eq!(attached["from"], at, "nothing is skipped");
            viewer = again;
        }
    }
    let text = String::from_utf8(shown).expect("text");
    let begins = text.find("1\r\n2\r\n").expect("the first lines");
    let ends = text.rfind("over\r\n").expect("the end");
    let expected: String = (1..=LINES).map(|line| format!("{line}\r\n")).collect();
    assert!(text[begins..ends] == expected, "a byte was lost or doubled");
    assert!(comebacks > 10);
}

#[tokio::test]
async fn what_was_typed_before_a_viewer_left_is_typed() {
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    viewer.type_in("stty -echo; PS1=; echo rea''dy\n").await;
    viewer.until("ready\r\n").await;
    for turn in 0..20 {
        let at = viewer.at;
        viewer.type_in(&format!("echo tur''n-{turn}.\n")).await;
        // As a page does that is closed.
        viewer.send(Message::Close(None)).await;
        while !matches!(viewer.next().await, Frame::Closed(..) | Frame::Lost) {}
        let (again, _) = Viewer::attached(&scene, &format!("session=main&after={at}")).await;
        viewer = again;
        viewer.until(&format!("turn-{turn}.")).await;
    }
}

#[tokio::test]
async fn whoever_only_watches_types_nothing() {
    let scene = Scene::start().await;
    let none = "/api/v1/workspaces/hello/terminal?session=main&read_only=true";
    let (told, code, _) = Viewer::open(&scene, none).await.end().await;
    assert_eq!((told[0]["code"].as_str(), code), (Some("NOT_FOUND"), 4004));

    let (mut owner, _) = Viewer::attached(&scene, "session=main").await;
    let (mut guest, attached) = Viewer::attached(&scene, "session=main&read_only=true").await;
    assert_eq!(attached["read_only"], true);
    guest.type_in("echo wr''ong\n").await;
    assert_eq!(guest.told().await["code"], "READ_ONLY");
    owner.type_in("echo ri''ght\n").await;
    let shown = guest.until("right").await;
    assert!(!shown.contains("wrong"), "{shown}");
}

#[tokio::test]
async fn sessions_are_listed_and_closed() {
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main&cols=81&rows=25").await;
    let (_other, new) = Viewer::attached(&scene, "session=new").await;
    let (status, list) = request(&scene, "GET", "terminals").await;
    assert_eq!(status, StatusCode::OK);
    let sessions = list["sessions"].as_array().expect("a list");
    assert_eq!(sessions.len(), 2, "{list}");
    let main = sessions
        .iter()
        .find(|session| session["id"] == "main")
        .expect("it is there");
    assert_eq!(
        (&main["cols"], &main["rows"], &main["viewers"]),
        (&json!(81), &json!(25), &json!(1))
    );
    assert!(
        sessions
            .iter()
            .any(|session| session["id"] == new["session"])
    );
    let (status, _) = request(&scene, "DELETE", "terminals/main").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (told, code, _) = viewer.end().await;
    assert_eq!(told.last().expect("an end")["type"], "ended");
    assert_eq!(code, 1000);
    let (status, problem) = request(&scene, "DELETE", "terminals/nobody").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
}

#[tokio::test]
async fn ctrl_c_is_answered_at_once_however_slow_the_reader() {
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    viewer.type_in("PS1='pro''mpt> '; yes\n").await;
    viewer.ack().await;
    let (began, mut read) = (Instant::now(), 0_u64);
    let mut asked = None;
    let mut tail = Vec::new();
    loop {
        let Frame::Bytes(bytes) = viewer.next().await else {
            continue;
        };
        read += bytes.len() as u64;
        tail.extend_from_slice(&bytes);
        tail.drain(..tail.len().saturating_sub(64));
        // One MB a second, as a telephone would.
        let due = began + Duration::from_micros(read);
        tokio::time::sleep_until(due.into()).await;
        viewer.ack().await;
        match asked {
            None if read > 1_000_000 => {
                viewer.type_in("\x03").await;
                asked = Some((Instant::now(), read));
            }
            Some((at, before)) if String::from_utf8_lossy(&tail).ends_with("prompt> ") => {
                let (took, came) = (at.elapsed(), read - before);
                assert!(came < 512 * 1024, "{came} bytes were on their way");
                assert!(took < Duration::from_secs(2), "{took:?}");
                return;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_stalled_viewer_is_cut_and_stops_nobody_else() {
    let scene = Scene::start().await;
    let (mut reader, _) = Viewer::attached(&scene, "session=main").await;
    let (stalled, _) = Viewer::attached(&scene, "session=main").await;
    reader.type_in("yes\n").await;
    let (mut read, mut looked) = (0, Instant::now());
    loop {
        if let Frame::Bytes(bytes) = reader.next().await {
            read += bytes.len();
        }
        // More than all buffers between hold, so somebody went on without the other.
        if read < 32 << 20 || looked.elapsed() < Duration::from_millis(200) {
            continue;
        }
        let (_, list) = request(&scene, "GET", "terminals").await;
        if list["sessions"][0]["viewers"] == 1 {
            break;
        }
        looked = Instant::now();
    }
    drop(stalled);
}

#[tokio::test]
async fn a_large_paste_is_echoed_whole_to_a_viewer_that_acknowledges() {
    const SIZE: usize = 300_000;
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    viewer.ack().await;
    viewer
        .type_in("stty -echo; PS1=; echo rea''dy; cat; echo ov''er\n")
        .await;
    viewer.until("ready\r\n").await;
    let line = format!("{}\n", "x".repeat(99));
    let paste = line.repeat(SIZE / line.len());
    for piece in paste.as_bytes().chunks(30_000) {
        viewer
            .type_in(std::str::from_utf8(piece).expect("text"))
            .await;
    }
    viewer.type_in("\x04").await;
    let mut count = 0;
    let mut tail = Vec::new();
    while !String::from_utf8_lossy(&tail).contains("over") {
        let Frame::Bytes(bytes) = viewer.next().await else {
            continue;
        };
        count += bytes.iter().filter(|byte| **byte == b'x').count();
        tail.extend_from_slice(&bytes);
        tail.drain(..tail.len().saturating_sub(64));
        viewer.ack().await;
    }
    assert_eq!(count, SIZE / 100 * 99);
}

/// Asks the API for something of Ada's workspace.
pub(crate) async fn request(scene: &Scene, method: &str, path: &str) -> (StatusCode, Value) {
    let head = format!(
        "{method} /api/v1/workspaces/hello/{path} HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {}\r\nconnection: close\r\n\r\n",
        scene.ada.token
    );
    crate::streams::plain(scene, &head, b"").await
}
