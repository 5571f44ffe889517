//! A preview of a stopped workspace starts it, and says so.

use nexus_events::workspace::Report;

use crate::client::{ask, get, host};
use crate::scene::{Scene, in_time};
use crate::service::Service;

async fn stopped() -> Scene {
    let scene = Scene::start().await;
    scene.ask_to_stop().await;
    scene.place().await;
    let at = jiff::Timestamp::now();
    scene.report(Report::Stopped { at }).await;
    scene
}

#[tokio::test]
async fn a_page_waits_and_comes_back_by_itself() {
    let (scene, service) = (stopped().await, Service::start().await);
    let (host, token) = (host(&scene, service.port), &scene.ada.token);
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    for _ in 0..2 {
        let answer = ask(scene.address, &request).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.values("retry-after"), ["1"]);
        assert!(answer.body.contains("Starting hello"), "{}", answer.body);
        assert!(answer.body.contains("http-equiv=\"refresh\""));
    }
    in_time(scene.bring_up()).await;
    let answer = ask(scene.address, &request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_program_waits_with_its_request() {
    let (scene, service) = (stopped().await, Service::start().await);
    let (answer, ()) = tokio::join!(
        get(&scene, &scene.ada, service.port, "/waited"),
        in_time(scene.bring_up())
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.starts_with("GET /waited "));
}
