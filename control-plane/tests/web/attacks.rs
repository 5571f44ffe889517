//! What pages of other sites and clever clients try.

use crate::client::{ask, cookie, get, host};
use crate::scene::Scene;
use crate::service::Service;

#[tokio::test]
async fn a_name_that_was_pointed_here_is_refused() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let (own, token) = (host(&scene, service.port), &scene.ada.token);
    for rebound in [
        "evil.example".to_owned(),
        "evil.example:3001".to_owned(),
        own.replace(".preview.localhost", ".preview.localhost.evil.example"),
        own.replace(".preview.localhost", ".localhost"),
        own.replacen(&service.port.to_string(), "0", 1),
        format!("x-{own}"),
    ] {
        let request =
            format!("GET / HTTP/1.1\r\nHost: {rebound}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let answer = ask(scene.address, &request).await;
        assert_eq!(answer.status, 403, "{rebound}");
    }
    assert_eq!(service.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn pages_of_other_sites_do_not_act_with_the_cookie() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let cookie = cookie(&scene, service.port).await;
    let own = host(&scene, service.port);
    let sibling = format!("http://{}", host(&scene, 4000));
    let stranger = "http://3000-00000000000000000000000000000001.preview.localhost:3001";
    let socket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    for (request, headers, status) in [
        (
            "POST /",
            format!("Origin: http://{own}\r\nContent-Length: 0\r\n"),
            200,
        ),
        (
            "POST /",
            format!("Origin: {sibling}\r\nContent-Length: 0\r\n"),
            200,
        ),
        (
            "POST /",
            format!("Origin: {stranger}\r\nContent-Length: 0\r\n"),
            403,
        ),
        (
            "POST /",
            "Origin: http://localhost:3001\r\nContent-Length: 0\r\n".into(),
            403,
        ),
        ("POST /", "Content-Length: 0\r\n".into(), 403),
        (
            "GET /",
            "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n".into(),
            403,
        ),
        ("GET /ws", format!("{socket}Origin: {stranger}\r\n"), 403),
        ("GET /ws", socket.to_owned(), 403),
        ("GET /ws", format!("{socket}Origin: {sibling}\r\n"), 101),
    ] {
        let text =
            format!("{request} HTTP/1.1\r\nHost: {own}\r\nCookie: {cookie}\r\n{headers}\r\n");
        let answer = ask(scene.address, &text).await;
        assert_eq!(answer.status, status, "{text}");
    }
}

#[tokio::test]
async fn the_api_is_not_reached_by_the_name_of_a_preview() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    for path in ["/api/v1/workspaces", "/livez", "/metrics", "/machines"] {
        let answer = get(&scene, &scene.ada, service.port, path).await;
        let first = answer.body.lines().next().unwrap_or_default().to_owned();
        assert_eq!(first, format!("GET {path} HTTP/1.1"), "the service answers");
    }
}

#[tokio::test]
async fn no_second_request_is_smuggled_in_a_first() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let (own, token) = (host(&scene, service.port), &scene.ada.token);
    let who = format!("Host: {own}\r\nAuthorization: Bearer {token}\r\n");
    let second = format!("GET /second HTTP/1.1\r\nHost: {own}\r\n\r\n");
    for framing in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: +3\r\n",
    ] {
        let request = format!("POST /first HTTP/1.1\r\n{who}{framing}\r\n0\r\n\r\n{second}");
        let _refused_or_not = ask(scene.address, &request).await;
    }
    for head in service.heads() {
        assert!(head.starts_with("POST /first "), "{head}");
        let framings = ["content-length:", "transfer-encoding:"];
        let given = framings.iter().filter(|name| head.contains(**name));
        assert!(given.count() <= 1, "{head}");
    }
}
