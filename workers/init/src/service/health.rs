//! One health probe: asks once, within its limit.

use std::time::Duration;

use nexus_init_protocol::{HealthCheck, HealthProbe, ServiceSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::supervise::service_command;
use crate::context::{Descriptors, argv_of};
use crate::dial::connect_loopback;
use crate::process::KillOnDrop;
use crate::workspace::Workspace;

/// Longest status line that is read.
const MAX_STATUS_LINE: usize = 512;

/// The check of a service: its own, or a TCP check of its port; none when there is nothing to ask.
pub(super) fn check_of(spec: &ServiceSpec) -> Option<HealthCheck> {
    let by_port = || {
        spec.port
            .map(|_| HealthCheck::new(HealthProbe::Tcp { port: None }))
    };
    spec.health_check.clone().or_else(by_port)
}

/// Asks once; the error is a sentence for people.
pub(super) async fn probe(
    workspace: &Workspace,
    spec: &ServiceSpec,
    check: &HealthCheck,
) -> Result<(), String> {
    let limit = Duration::from_millis(check.timeout_ms);
    match tokio::time::timeout(limit, ask(workspace, spec, &check.probe)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} ms", check.timeout_ms)),
    }
}

async fn ask(workspace: &Workspace, spec: &ServiceSpec, probe: &HealthProbe) -> Result<(), String> {
    let no_port = || "the check has no port".to_owned();
    match probe {
        HealthProbe::Tcp { port } => {
            let port = port.or(spec.port).ok_or_else(no_port)?;
            let connected = connect_loopback(port).await;
            connected
                .map(drop)
                .map_err(|error| format!("connecting to port {port}: {error}"))
        }
        HealthProbe::Http { port, path } => {
            let port = port.or(spec.port).ok_or_else(no_port)?;
            let answered = get(port, path).await;
            let status = answered.map_err(|error| format!("asking port {port}: {error}"))?;
            match status {
                100..400 => Ok(()),
                status => Err(format!("GET {path} on port {port} answered {status}")),
            }
        }
        HealthProbe::Exec { command } => {
            let argv = argv_of(command);
            let command = service_command(workspace, spec, argv, Descriptors::default())?;
            let mut exit = workspace
                .reaper
                .spawn(command)
                .map_err(|error| error.to_string())?;
            let mut kill = KillOnDrop::new(exit.process_id());
            let outcome = exit.ended().await;
            kill.disarm();
            match outcome.is_success() {
                true => Ok(()),
                false => Err(format!("the check command ended with {outcome}")),
            }
        }
    }
}

/// The status of one request; nothing of the body is read.
async fn get(port: u16, path: &str) -> std::io::Result<u16> {
    let mut stream = connect_loopback(port).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: nexus-init\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut line = Vec::new();
    while !line.contains(&b'\n') && line.len() < MAX_STATUS_LINE {
        if stream.read_buf(&mut line).await? == 0 {
            break;
        }
    }
    parse_status(&line).ok_or_else(|| std::io::Error::other("the answer is not HTTP"))
}

fn parse_status(line: &[u8]) -> Option<u16> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    words
        .next()?
        .starts_with("HTTP/1.")
        .then(|| words.next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_are_read_strictly() {
        assert_eq!(parse_status(b"HTTP/1.1 200 OK\r\nA: b"), Some(200));
        assert_eq!(parse_status(b"HTTP/1.0 404\n"), Some(404));
        for bad in [
            &b""[..],
            b"SSH-2.0-x\n",
            b"HTTP/1.1\n",
            b"HTTP/1.1 abc\n",
            b"HTTP/1.1\n200",
        ] {
            assert_eq!(parse_status(bad), None, "{bad:?}");
        }
    }
}
