//! Commands run in workspaces, over the link.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scene::{Scene, in_time};

fn head(scene: &Scene, body: &str) -> String {
    format!(
        "POST /api/v1/workspaces/hello/exec HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        scene.ada.token,
        body.len()
    )
}

/// Runs a command to its end; gives what it wrote, and the last line.
async fn run(scene: &Scene, exec: Value) -> (String, Value) {
    let body = exec.to_string();
    let (status, text) = crate::streams::plain(scene, &head(scene, &body), body.as_bytes()).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    // A chunked answer: every line that is JSON counts.
    let text = match text {
        Value::String(text) => text,
        one => one.to_string(),
    };
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(Value::is_object)
        .collect();
    let mut stdout = Vec::new();
    for line in &lines {
        if let Some(bytes) = line["stdout"].as_str() {
            stdout.extend(STANDARD.decode(bytes).expect("base64"));
        }
    }
    let text = String::from_utf8(stdout).expect("text");
    (text, lines.last().expect("an end").clone())
}

#[tokio::test]
async fn a_command_reads_its_input_and_tells_its_end() {
    let scene = Scene::start().await;
    let exec = json!({"argv": ["tr", "a-z", "A-Z"], "stdin": STANDARD.encode("hello")});
    assert_eq!(
        run(&scene, exec).await,
        ("HELLO".into(), json!({"exit": {"code": 0}}))
    );
    let exec = json!({"argv": ["sh", "-c", "exit 3"]});
    assert_eq!(run(&scene, exec).await.1, json!({"exit": {"code": 3}}));
    let exec = json!({"argv": ["sh", "-c", "kill -9 $$"]});
    assert_eq!(run(&scene, exec).await.1, json!({"exit": {"signal": 9}}));
    let exec = json!({"argv": ["/nowhere/nothing"]});
    assert_eq!(run(&scene, exec).await.1, json!({"exit": {"code": 127}}));
}

#[tokio::test]
async fn a_command_ends_when_its_caller_hangs_up() {
    let scene = Scene::start().await;
    let exec = json!({"argv": ["sh", "-c", "echo $$; exec sleep 1000"]}).to_string();
    let mut stream = TcpStream::connect(scene.address).await.expect("it listens");
    let request = head(&scene, &exec) + &exec;
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let mut text = String::new();
    let pid = loop {
        let mut bytes = [0; 1024];
        let count = in_time(stream.read(&mut bytes)).await.expect("bytes");
        text.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
        let line = text.lines().find_map(|line| {
            serde_json::from_str::<Value>(line).ok()?["stdout"]
                .as_str()
                .map(str::to_owned)
        });
        if let Some(line) = line {
            let line = STANDARD.decode(line).expect("base64");
            break String::from_utf8(line).expect("text").trim().to_owned();
        }
    };
    let folder = std::path::Path::new("/proc").join(&pid);
    assert!(folder.exists());
    drop(stream);
    let gone = async {
        while folder.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    in_time(gone).await;
}
