//! Connecting: what is refused, and in which words.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nexus_nats::{Bus, ConnectError, Options, Role};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::sample::soon;

/// Speaks enough of the protocol to be an old nats-server: JetStream without an API level.
async fn old_server(stream: TcpStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let info = r#"INFO {"server_id":"x","version":"2.9.10","max_payload":1048576,"headers":true}"#;
    write.write_all(format!("{info}\r\n").as_bytes()).await?;
    let mut lines = BufReader::new(read).lines();
    let mut inbox_sid = String::new();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["PING"] => write.write_all(b"PONG\r\n").await?,
            ["SUB", _, sid] => inbox_sid = (*sid).to_owned(),
            ["PUB", "$JS.API.INFO", reply, _] => {
                let answer = r#"{"type":"x","memory":0,"api":{"total":1,"errors":0}}"#;
                let head = format!("MSG {reply} {inbox_sid} {}", answer.len());
                write
                    .write_all(format!("{head}\r\n{answer}\r\n").as_bytes())
                    .await?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_an_api_level_is_refused_by_version() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { old_server(listener.accept().await?.0).await });
    let connect = Bus::connect(Options::new([url], Role::ControlPlane));
    let error = soon("the refusal", connect).await.unwrap_err();
    server.abort();
    assert!(
        matches!(&error, ConnectError::TooOld { level: 0, .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.contains("2.9.10") && text.contains("2.15.1"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_named() {
    let options =
        Options::new(["nats://127.0.0.1:9"], Role::Cli).patience(Duration::from_millis(100));
    let error = soon("giving up", Bus::connect(options)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:9"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_in_a_url_is_refused_and_not_shown() {
    let options = Options::new(["nats://ada:secret@127.0.0.1:9"], Role::Cli);
    let error = soon("the refusal", Bus::connect(options))
        .await
        .unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("127.0.0.1:9") && text.contains("--nats-creds") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_that_cannot_be_read_is_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.nk");
    let connect = || {
        Bus::connect(
            Options::new(["127.0.0.1:9"], Role::Worker(nexus_nats::testing::node()))
                .seed_file(&path),
        )
    };
    let mode = |mode| std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let missing = connect().await.unwrap_err();
    assert!(missing.to_string().contains("worker.nk"), "{missing}");
    std::fs::write(&path, "SUNOTASEED").unwrap();
    mode(0o640);
    let open = connect().await.unwrap_err();
    assert!(
        matches!(open, ConnectError::Open { mode: 0o640, .. }),
        "{open:?}"
    );
    assert!(open.to_string().contains("chmod 600"), "{open}");
    mode(0o600);
    let wrong = connect().await.unwrap_err();
    assert!(matches!(wrong, ConnectError::Seed { .. }), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("NOTASEED"), "{wrong:?}");
}
