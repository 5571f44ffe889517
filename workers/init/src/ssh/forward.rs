//! One forwarded connection: a channel of the client joined to a socket inside.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use nexus_init_protocol::ActivitySource;
use russh::server::{ChannelOpenHandle, Msg};
use russh::{Channel, ChannelMsg, ChannelOpenFailure, ChannelWriteHalf};

use super::clients::ChannelSlot;
use super::intake::Intake;
use super::resolve;
use crate::relay::Socket;
use crate::workspace::Workspace;

/// Read at once towards the client; a packet holds no more.
const PIECE: usize = 32 << 10;

/// What a client wants to reach.
#[derive(Debug)]
pub(super) enum Target {
    /// A host as seen from inside, and a port.
    Host(String, u32),
    /// A unix socket inside.
    Socket(String),
}

/// Connects a channel to something the workspace can reach.
pub(super) async fn to_inside(
    workspace: Arc<Workspace>,
    slot: ChannelSlot,
    target: Target,
    channel: Channel<Msg>,
    reply: ChannelOpenHandle,
) {
    match connect(&workspace, target).await {
        Ok(socket) => {
            reply.accept().await;
            pass(&workspace, slot, &socket, channel).await;
        }
        Err(error) => {
            tracing::debug!(%error, "what a client wanted to reach cannot be reached");
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
        }
    }
}

async fn connect(workspace: &Arc<Workspace>, target: Target) -> io::Result<Socket> {
    match target {
        Target::Host(host, port) => {
            let port = u16::try_from(port).map_err(io::Error::other)?;
            let stream = resolve::connect(workspace, &host, port).await?;
            Ok(Socket::Tcp(stream))
        }
        Target::Socket(path) => {
            let context = workspace.context();
            let path = context.account.home.join(path);
            let opened = crate::user::as_account(context.account.clone(), move || {
                std::os::unix::net::UnixStream::connect(path)
            });
            Socket::adopt(opened.await??.into())
        }
    }
}

/// Carries bytes both ways until both sides have ended or either has broken off.
pub(super) async fn pass(
    workspace: &Workspace,
    slot: ChannelSlot,
    socket: &Socket,
    channel: Channel<Msg>,
) {
    let (source, output) = channel.split();
    let mut intake = Intake::start(slot.0.clone(), source, workspace.state.clone());
    let ended = Ended::default();
    let broken = tokio::select! {
        result = from_client(workspace, &mut intake, socket, &ended) => result.is_err(),
        result = to_client(workspace, socket, &output, &ended) => result.is_err(),
    };
    tracing::trace!(broken, "a forwarded connection ended");
    let _client_is_gone = output.close().await;
}

/// Which of the two directions have ended well.
#[derive(Debug, Default)]
struct Ended {
    by_client: AtomicBool,
    inside: AtomicBool,
}

/// Ends when both directions have, or the client closed the channel.
async fn from_client(
    workspace: &Workspace,
    intake: &mut Intake,
    socket: &Socket,
    ended: &Ended,
) -> io::Result<()> {
    while let Some(message) = intake.next().await {
        match message {
            ChannelMsg::Data { data } => {
                workspace.note_activity(ActivitySource::Ssh, data.len() as u64);
                socket.send_all(&data).await?;
            }
            ChannelMsg::Eof => {
                socket.end_writing()?;
                ended.by_client.store(true, Relaxed);
                if ended.inside.load(Relaxed) {
                    return Ok(());
                }
            }
            ChannelMsg::Close => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

/// Ends when both directions have.
async fn to_client(
    workspace: &Workspace,
    socket: &Socket,
    output: &ChannelWriteHalf<Msg>,
    ended: &Ended,
) -> anyhow::Result<()> {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let count = socket.receive(&mut piece).await?;
        if count == 0 {
            break;
        }
        workspace.note_activity(ActivitySource::Ssh, count as u64);
        output.data_bytes(Bytes::from(piece)).await?;
    }
    output.eof().await?;
    ended.inside.store(true, Relaxed);
    if !ended.by_client.load(Relaxed) {
        // The other direction ends this one with it.
        std::future::pending::<()>().await;
    }
    Ok(())
}
