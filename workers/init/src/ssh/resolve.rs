//! Names to addresses for forwarded connections.
//!
//! A static binary has no name service of its own, so the workspace's own `getent` is asked: it knows
//! `/etc/hosts`, the resolver and whatever else the image has set up.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::ExitOutcome;
use tokio::net::TcpStream;

use crate::context::{Custom, Descriptors};
use crate::dial::connect_loopback;
use crate::exec::output::{ProcessEvent, ProcessOutput};
use crate::process::spawn::pipe;
use crate::process::{KillOnDrop, Standing};
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(10);

/// Connects to a host as seen from inside.
pub(super) async fn connect(
    workspace: &Arc<Workspace>,
    host: &str,
    port: u16,
) -> io::Result<TcpStream> {
    if matches!(host, "localhost" | "127.0.0.1" | "::1" | "") {
        return connect_loopback(port).await;
    }
    let addresses = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => ask(workspace, host).await?,
    };
    let mut failure = io::Error::other("the name has no address");
    for address in addresses {
        match tokio::time::timeout(LIMIT, TcpStream::connect(SocketAddr::new(address, port))).await
        {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}

async fn ask(workspace: &Arc<Workspace>, host: &str) -> io::Result<Vec<IpAddr>> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.len() > 253 || host.starts_with('-') || !host.chars().all(is_name) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let (stdout, child_out) = pipe()?;
    let (stderr, child_error) = pipe()?;
    let descriptors = Descriptors {
        stdin: None,
        stdout: Some(child_out),
        stderr: Some(child_error),
    };
    let argv = ["getent", "ahosts", host].map(str::to_owned).to_vec();
    let custom = Custom::default();
    let command = workspace
        .context()
        .command(argv, &custom, descriptors, Standing::Group);
    let command = command.map_err(|failure| io::Error::other(failure.message))?;
    let exit = workspace.reaper.spawn(command).map_err(io::Error::other)?;
    let mut kill = KillOnDrop::new(exit.process_id());
    let mut output = ProcessOutput::new(stdout, stderr, exit)?;
    let answered = tokio::time::timeout(LIMIT, read_answer(&mut output)).await;
    let text = answered.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    kill.disarm();
    Ok(parse(&text))
}

async fn read_answer(output: &mut ProcessOutput) -> io::Result<String> {
    let mut text = Vec::new();
    loop {
        match output.next().await? {
            ProcessEvent::Output(_, bytes) => text.extend_from_slice(bytes),
            ProcessEvent::Ended(ExitOutcome::Exited { code: 0 }) => {
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            ProcessEvent::Ended(_) => return Err(io::Error::other("the name is not known inside")),
        }
    }
}

/// Each address once, in the order the name service prefers.
fn parse(text: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for line in text.lines() {
        let address = line
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok());
        if let Some(address) = address
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_the_name_service_are_read_once_each() {
        let text = "192.0.2.1   STREAM host\n192.0.2.1   DGRAM\n2001:db8::1 STREAM\nbroken\n\n";
        let expected: Vec<IpAddr> = ["192.0.2.1", "2001:db8::1"]
            .map(|a| a.parse().unwrap())
            .into();
        assert_eq!(parse(text), expected);
    }
}
