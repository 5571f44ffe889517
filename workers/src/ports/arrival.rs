//! One connection that came in at a port: given to init, after waking the workspace if need be.
//!
//! ```text
//!  accepted ─► init takes it ──────────────────────────────► init's, whatever becomes of us
//!      │            │ an init that cannot take it: bytes are carried from here
//!      │ nobody answers
//!      ▼
//!  it speaks ─► knock ─► held while the workspace comes up ─► init takes it
//! ```
//!
//! A connection wakes a workspace only once it has said something, so that a port scan starts
//! nothing. An SSH client is told meanwhile how far it is, in lines before the version string
//! (RFC 4253, 4.2).

use std::io;
use std::time::Duration;

use nexus_init_protocol::{Client, ClientError, FailureCode, HandOver};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::door::{Coming, Door};
use super::forward::{self, Target};
use super::waiting::Waiting;

/// How long a connection to a workspace that does not run may take to say something.
const SPEAK_WITHIN: Duration = Duration::from_secs(10);
/// How long it is held while the workspace comes up.
const HOLD: Duration = Duration::from_secs(300);
/// Between two looks at a client that has sent less than the beginning of its version string.
const LOOK: Duration = Duration::from_millis(20);
/// What every SSH client begins with.
const SSH_BEGINNING: &[u8] = b"SSH-2.0-";

/// How giving a connection to init came out.
enum Given {
    /// It is init's now.
    Taken,
    /// Init takes no descriptors; its bytes are to be carried.
    Carry,
    /// Nobody answers: the machine does not run, or not yet.
    NotUp,
    /// Init refused.
    Refused(ClientError),
}

/// Sees to one connection.
pub(super) async fn receive(
    mut outside: TcpStream,
    door: &dyn Door,
    target: Target,
    waiting: &Waiting,
) -> anyhow::Result<()> {
    outside.set_nodelay(true)?;
    let mut given = give(&outside, door, target).await;
    if let Given::NotUp = given {
        if !speaks(&outside, target, waiting).await? {
            return Ok(());
        }
        let Some(_place) = waiting.hold() else {
            return turn_away(outside, target, "too many are waiting for it already").await;
        };
        if let Err(reason) = wait(&mut outside, door.knock(), target).await? {
            return turn_away(outside, target, &reason).await;
        }
        given = give(&outside, door, target).await;
    }
    match given {
        Given::Taken => Ok(()),
        Given::Carry => forward::carry(outside, &door.socket(), target).await,
        Given::NotUp => turn_away(outside, target, "it went away again").await,
        Given::Refused(error) => Err(error.into()),
    }
}

/// Gives init a duplicate, so that the connection is still here when it does not take it.
async fn give(outside: &TcpStream, door: &dyn Door, target: Target) -> Given {
    let handed_over = async {
        let client = Client::connect(door.socket()).await?;
        let descriptor = duplicate(outside).map_err(|source| ClientError::Descriptor {
            attempted: "handing over a connection",
            source,
        })?;
        client.hand_over(&hand_over(target), descriptor).await
    };
    match handed_over.await {
        Ok(()) => Given::Taken,
        Err(error) => sort(error),
    }
}

fn sort(error: ClientError) -> Given {
    match &error {
        ClientError::NotShared { .. } | ClientError::TooOld { .. } => Given::Carry,
        ClientError::Connect { .. }
        | ClientError::TimedOut { .. }
        | ClientError::Ended { .. }
        | ClientError::Frame(_) => Given::NotUp,
        ClientError::Refused { failure, .. } if failure.code == FailureCode::NotReady => {
            Given::NotUp
        }
        ClientError::Refused { .. }
        | ClientError::Version { .. }
        | ClientError::Descriptor { .. }
        | ClientError::Message(_)
        | ClientError::Unexpected { .. } => Given::Refused(error),
    }
}

const fn hand_over(target: Target) -> HandOver {
    match target {
        Target::Ssh => HandOver::Ssh,
        Target::Port(port) => HandOver::Port(port),
    }
}

fn duplicate(outside: &TcpStream) -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::AsFd as _;
    outside.as_fd().try_clone_to_owned()
}

/// Whether the client says what whoever means this port says. Nothing is taken from the stream.
async fn speaks(outside: &TcpStream, target: Target, waiting: &Waiting) -> io::Result<bool> {
    let place = waiting.silent();
    tokio::select! {
        () = place.evicted.cancelled() => Ok(false),
        () = tokio::time::sleep(SPEAK_WITHIN) => Ok(false),
        spoken = begins(outside, target) => spoken,
    }
}

async fn begins(outside: &TcpStream, target: Target) -> io::Result<bool> {
    let mut beginning = [0; SSH_BEGINNING.len()];
    loop {
        let came = outside.peek(&mut beginning).await?;
        match target {
            Target::Port(_) => return Ok(came > 0),
            Target::Ssh if came == 0 || !SSH_BEGINNING.starts_with(&beginning[..came]) => {
                return Ok(false);
            }
            Target::Ssh if came == SSH_BEGINNING.len() => return Ok(true),
            // Peeking at what is there already answers at once.
            Target::Ssh => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Waits until the workspace is up, or gives the reason why it will not be.
async fn wait(
    outside: &mut TcpStream,
    mut coming: watch::Receiver<Coming>,
    target: Target,
) -> io::Result<Result<(), String>> {
    let up = async {
        loop {
            let now = coming.borrow_and_update().clone();
            match now {
                Coming::Up => return Ok(Ok(())),
                Coming::Not(reason) => return Ok(Err(reason)),
                Coming::Soon(line) => say(outside, target, &line).await?,
            }
            if coming.changed().await.is_err() {
                return Ok(Err("the worker is ending".into()));
            }
        }
    };
    let late = Ok(Err("it is not up yet; try again in a while".to_owned()));
    tokio::time::timeout(HOLD, up).await.unwrap_or(late)
}

async fn turn_away(mut outside: TcpStream, target: Target, reason: &str) -> anyhow::Result<()> {
    say(&mut outside, target, reason).await?;
    Ok(outside.shutdown().await?)
}

/// A line for whoever connects, where the protocol has room for one. What names and causes hold
/// is not ours: nothing of it may look like a line of its own, or move a terminal's cursor.
async fn say(outside: &mut TcpStream, target: Target, line: &str) -> io::Result<()> {
    if target != Target::Ssh {
        return Ok(());
    }
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let line: String = line.chars().map(plain).take(200).collect();
    outside
        .write_all(format!("Nexus: {line}\r\n").as_bytes())
        .await
}
