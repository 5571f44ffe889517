//! The engine's exec API, by hand: the floor of a terminal in a container.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::Command;

const SOCKET: &str = "/var/run/docker.sock";
const IMAGE: &str = "nexus/base:latest";

/// A container that idles.
pub(crate) struct Engine {
    container: String,
}

/// A program on a terminal in it.
pub(crate) struct Exec {
    stream: UnixStream,
}

impl Engine {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let run = Command::new("docker")
            .args([
                "run",
                "--detach",
                "--rm",
                "--entrypoint",
                "sleep",
                IMAGE,
                "3600",
            ])
            .stdin(Stdio::null())
            .output()
            .await
            .context("starting docker")?;
        ensure!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr).trim()
        );
        let container = String::from_utf8(run.stdout)?.trim().to_owned();
        Ok(Self { container })
    }

    pub(crate) async fn stop(self) {
        let removed = Command::new("docker")
            .args(["rm", "--force", &self.container])
            .stdout(Stdio::null())
            .status()
            .await;
        assert!(
            removed.is_ok_and(|status| status.success()),
            "{} is left",
            self.container
        );
    }

    pub(crate) async fn exec(&mut self, argv: &[&str]) -> anyhow::Result<Exec> {
        let spec = json!({
            "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Tty": true,
            "Cmd": argv,
        });
        let path = format!("/containers/{}/exec", self.container);
        let (mut stream, _) = ask(&path, &spec, "connection: close").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let begins = text.find('{').context("an id")?;
        let ends = text.rfind('}').context("an id")?;
        let created: Value = serde_json::from_str(&text[begins..=ends])?;
        let id = created["Id"].as_str().context("an id")?;
        let start = json!({ "Detach": false, "Tty": true });
        let upgrade = "connection: upgrade\r\nupgrade: tcp";
        let (stream, status) = ask(&format!("/exec/{id}/start"), &start, upgrade).await?;
        ensure!(status == 101, "the engine answers {status}");
        Ok(Exec { stream })
    }
}

/// Sends a request and reads the head of its answer.
async fn ask(path: &str, body: &Value, headers: &str) -> anyhow::Result<(UnixStream, u16)> {
    let mut stream = UnixStream::connect(SOCKET).await?;
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: docker\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{headers}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    Ok((stream, status))
}

impl Exec {
    /// How long a key takes to come back.
    pub(crate) async fn echo(&mut self, key: u8) -> anyhow::Result<Duration> {
        let began = Instant::now();
        self.stream.write_all(&[key]).await?;
        self.count(key, 1).await?;
        Ok(began.elapsed())
    }

    /// Reads until so many bytes of this kind were seen.
    pub(crate) async fn count(&mut self, wanted: u8, most: usize) -> anyhow::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        let mut seen = 0;
        while seen < most {
            let count = self.stream.read(&mut buffer).await?;
            ensure!(count > 0, "it ended after {seen}");
            seen += buffer[..count]
                .iter()
                .filter(|byte| **byte == wanted)
                .count();
        }
        Ok(())
    }
}
