//! What only time brings about: time is let pass at once, so nobody waits for it.

use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use nexus_init_protocol::terminal::CREDIT_BYTES;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::scene::{Scene, in_time};
use crate::terminals::request;
use crate::viewer::{Frame, Viewer};

/// Everything that waits by the clock is so much older.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// The sessions of Ada's workspace. The answer comes after whatever the server has to do by now.
async fn sessions(scene: &Scene) -> Vec<Value> {
    let (status, list) = request(scene, "GET", "terminals").await;
    assert_eq!(status, StatusCode::OK, "{list}");
    list["sessions"].as_array().expect("a list").clone()
}

/// Waits until the sessions are so.
async fn until(scene: &Scene, what: &str, is_so: impl Fn(&[Value]) -> bool) {
    let looking = async { while !is_so(&sessions(scene).await) {} };
    let looked = tokio::time::timeout(Duration::from_secs(30), looking).await;
    assert!(looked.is_ok(), "{what}");
}

/// A sign of life, and the answer to it.
async fn speak(viewer: &mut Viewer) {
    viewer.say(json!({"type": "ping", "id": 1})).await;
    assert_eq!(viewer.told().await["type"], "pong");
}

#[tokio::test]
async fn a_viewer_that_is_silent_for_a_minute_is_let_go() {
    let scene = Scene::start().await;
    let (mut lively, _) = Viewer::attached(&scene, "session=main").await;
    let (mut silent, _) = Viewer::attached(&scene, "session=main").await;
    pass(20).await;
    speak(&mut lively).await;
    pass(20).await;
    speak(&mut lively).await;
    assert_eq!(sessions(&scene).await[0]["viewers"], 2, "not yet");
    for _ in 0..2 {
        pass(20).await;
        speak(&mut lively).await;
    }
    until(&scene, "the silent one is gone", |all| {
        all[0]["viewers"] == 1
    })
    .await;
    while silent.next().await != Frame::Lost {}
    lively.type_in("echo still-$((1+1))\n").await;
    lively.until("still-2").await;
}

#[tokio::test]
async fn a_viewer_that_stops_to_acknowledge_is_cut_though_it_shows_signs_of_life() {
    let scene = Scene::start().await;
    let (mut viewer, _) = Viewer::attached(&scene, "session=main").await;
    viewer.type_in("PS1=; echo rea''dy\n").await;
    viewer.until("ready").await;
    viewer.ack().await;
    let shut_at = viewer.at + CREDIT_BYTES;
    viewer.type_in("yes\n").await;
    // Up to the last byte it is sent ahead of its word.
    while viewer.at < shut_at {
        let frame = viewer.next().await;
        assert!(matches!(frame, Frame::Bytes(_)), "{frame:?}");
    }
    for _ in 0..5 {
        speak(&mut viewer).await;
        pass(5).await;
    }
    speak(&mut viewer).await;
    pass(6).await;
    let (_, code, reason) = viewer.end().await;
    assert_eq!((code, reason.as_str()), (4003, "too slow; come back"));
}

#[tokio::test]
async fn a_session_without_a_name_is_hung_up_half_a_minute_after_its_last_viewer_left() {
    let scene = Scene::start().await;
    let path = "/api/v1/workspaces/hello/terminal";
    let mut viewer = Viewer::open(&scene, path).await;
    let session = viewer.told().await["session"].clone();
    let session = session.as_str().expect("an id").to_owned();
    drop(viewer);
    let is_left = |all: &[Value]| all[0]["viewers"] == 0;
    until(&scene, "it is left", is_left).await;
    pass(29).await;
    assert!(sessions(&scene).await[0]["exit"].is_null(), "not yet");

    // Whoever comes back in time has it for as long as they stay, and half a minute more.
    let (back, attached) = Viewer::attached(&scene, &format!("session={session}")).await;
    assert_eq!(attached["created"], false);
    pass(31).await;
    let all = sessions(&scene).await;
    assert_eq!(
        (&all[0]["viewers"], &all[0]["exit"]),
        (&json!(1), &Value::Null)
    );
    drop(back);
    until(&scene, "it is left again", is_left).await;
    pass(29).await;
    assert!(sessions(&scene).await[0]["exit"].is_null(), "not yet again");
    let over = async {
        while sessions(&scene)
            .await
            .iter()
            .any(|one| one["exit"].is_null())
        {
            pass(1).await;
        }
    };
    in_time(over).await;
}

#[tokio::test]
async fn a_reader_of_events_that_answers_no_ping_is_let_go() {
    let scene = Scene::start().await;
    let bearer = format!("Bearer {}", scene.ada.token);
    let headers = [("authorization", bearer.as_str())];
    let open = || Viewer::try_open(&scene, "/api/v1/events/ws", &headers);
    let mut lively = open().await.expect("it is opened");
    let mut silent = open().await.expect("it is opened");
    for _ in 0..3 {
        pass(15).await;
        answer_ping(&mut lively).await;
        // By then the server has heard it.
        sessions(&scene).await;
    }
    // What was on its way, and then nothing.
    while silent.next().await != Frame::Lost {}
    scene.ask_to_stop().await;
    let mut told = lively.told().await;
    while told["event"]["type"] != "nexus.workspace.stop_requested.v1" {
        told = lively.told().await;
    }
}

/// Reads up to a ping, and answers it.
async fn answer_ping(viewer: &mut Viewer) {
    loop {
        match in_time(viewer.socket.next()).await {
            Some(Ok(Message::Ping(_))) => break,
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    let pong = Message::Pong(Bytes::new());
    in_time(viewer.socket.send(pong)).await.expect("it is sent");
}
