//! Who is let in, how, and until when.

use crate::client::{api, ask, bring, closed, cookie, get, host, ticket};
use crate::scene::Scene;
use crate::service::Service;

#[tokio::test]
async fn a_stranger_is_shown_the_way_and_nothing_of_the_service() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let host = host(&scene, service.port);
    let page = format!("GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n");
    let answer = ask(scene.address, &page).await;
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("dashboard"), "{}", answer.body);
    let program = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let answer = ask(scene.address, &program).await;
    assert_eq!(answer.values("content-type"), ["application/problem+json"]);
    let guess = format!("GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer nxs_x\r\n\r\n");
    assert_eq!(ask(scene.address, &guess).await.status, 401);

    let bob = scene.person("bob").await;
    assert_eq!(get(&scene, &bob, service.port, "/").await.status, 404);
    let path = format!("/api/v1/workspaces/{}/previews", scene.workspace);
    for (method, body) in [("GET", ""), ("POST", "{\"port\":3000}")] {
        let (status, _) = api(&scene, &bob, method, &path, body).await;
        assert_eq!(status, 404, "{method}");
    }
    assert_eq!(service.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn a_ticket_counts_once_and_for_one_preview() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let first = ticket(&scene, service.port).await;
    assert_eq!(bring(&scene, service.port, &first).await.status, 204);
    assert_eq!(bring(&scene, service.port, &first).await.status, 401);

    let second = ticket(&scene, service.port).await;
    let other = service.port ^ 1;
    assert_eq!(bring(&scene, other, &second).await.status, 401);
    assert_eq!(bring(&scene, service.port, &second).await.status, 401);

    let third = ticket(&scene, service.port).await;
    let host = host(&scene, service.port);
    let foreign = format!(
        "POST /.nexus/enter HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\n\
         Content-Length: {}\r\n\r\n{third}",
        third.len()
    );
    assert_eq!(ask(scene.address, &foreign).await.status, 403);
    assert_eq!(bring(&scene, service.port, &third).await.status, 204);
}

#[tokio::test]
async fn the_page_that_brings_the_ticket_may_do_that_and_no_more() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let host = host(&scene, service.port);
    let request = format!("GET /.nexus/enter HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let page = ask(scene.address, &request).await;
    assert_eq!(page.status, 200);
    let policy = page.values("content-security-policy").join("");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
    assert_eq!(page.values("cache-control"), ["no-store"]);
    assert_eq!(service.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn a_cookie_counts_at_its_own_preview_and_ends_with_it() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let cookie = cookie(&scene, service.port).await;
    let with = |port: u16, path: &str| {
        let host = host(&scene, port);
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}; theirs=1\r\n\r\n")
    };
    let answer = ask(scene.address, &with(service.port, "/")).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.contains("cookie: theirs=1\r\n"),
        "{}",
        answer.body
    );
    let elsewhere = ask(scene.address, &with(service.port ^ 1, "/")).await;
    assert_eq!(elsewhere.status, 401);

    let live = ask(scene.address, &with(service.port, "/drip")).await;
    assert_eq!(live.status, 200);
    let path = format!(
        "/api/v1/workspaces/{}/previews/{}",
        scene.workspace, service.port
    );
    let (status, _) = api(&scene, &scene.ada, "DELETE", &path, "").await;
    assert_eq!(status, 204);
    closed(live.stream).await;
    let after = ask(scene.address, &with(service.port, "/")).await;
    assert_eq!(after.status, 401);
}

#[tokio::test]
async fn what_is_open_ends_with_the_token_it_came_with() {
    let (scene, service) = (Scene::start().await, Service::start().await);
    let cookie = cookie(&scene, service.port).await;
    let host = host(&scene, service.port);
    let socket = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nCookie: {cookie}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    let socket = ask(scene.address, &socket).await;
    assert_eq!(socket.status, 101);
    let by_token = get(&scene, &scene.ada, service.port, "/drip").await;
    assert_eq!(by_token.status, 200);
    let path = format!("/api/v1/tokens/{}", scene.ada.token_id);
    let (status, _) = api(&scene, &scene.ada, "DELETE", &path, "").await;
    assert!(status < 300, "{status}");
    closed(socket.stream).await;
    closed(by_token.stream).await;
}
