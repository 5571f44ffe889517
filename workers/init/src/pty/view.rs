//! One viewer's side of a session: showing at its pace, typing when it may.

use nexus_init_protocol::frame::{DATA_CHUNK, FrameKind};
use nexus_init_protocol::terminal::CREDIT_BYTES;
use nexus_init_protocol::{ActivitySource, Answer, Input};
use tokio::sync::watch;

use super::session::{Session, Viewer};
use crate::connection::{ConnectionError, Reader, Writer};
use crate::workspace::Workspace;

/// How far a viewer may be shown.
#[derive(Debug, Clone, Copy, Default)]
struct Credit {
    /// What it says it has taken; a viewer that never says so is bounded by its socket.
    taken: Option<u64>,
    /// Its input waits for the program, which perhaps waits to show something: word of what was taken
    /// cannot come, so it is not waited for.
    input_waits: bool,
}

/// Serves a viewer until the session ends or the viewer is gone.
pub(super) async fn serve(
    workspace: &Workspace,
    session: &Session,
    viewer: &Viewer,
    may_type: bool,
    (mut reader, mut writer): (Reader, Writer),
) -> Result<(), ConnectionError> {
    let (credit, _) = watch::channel(Credit::default());
    let watched = credit.subscribe();
    tokio::select! {
        shown = show(workspace, session, viewer, watched, &mut writer) => shown,
        gone = listen(workspace, session, may_type, &credit, &mut reader) => gone,
    }
}

async fn show(
    workspace: &Workspace,
    session: &Session,
    viewer: &Viewer,
    mut credit: watch::Receiver<Credit>,
    writer: &mut Writer,
) -> Result<(), ConnectionError> {
    let mut progress = session.watch();
    let mut at = viewer.start();
    // Bytes before it are gone for this viewer, who cannot say that it took them.
    let mut lost_before = at;
    let mut told = at;
    // Only news are told: a viewer that stands still may have been left behind.
    let mut tell = |position: u64| {
        if position > told {
            told = position;
            viewer.took_until(position);
        }
    };
    let mut piece = Vec::new();
    loop {
        let now = progress.borrow_and_update().clone();
        let allowed = *credit.borrow_and_update();
        let limit = now.end.min(allowed.limit(lost_before));
        while at < limit {
            let room = usize::try_from(limit - at).unwrap_or(DATA_CHUNK);
            let first = viewer.copy(at, room.min(DATA_CHUNK), &mut piece);
            if first > at {
                lost_before = first;
            }
            writer.data(FrameKind::Output, first, &piece).await?;
            at = first + piece.len() as u64;
            tell(credit.borrow().position(at));
            workspace.note_activity(ActivitySource::Terminal, piece.len() as u64);
        }
        tell(allowed.position(at));
        if let Some(outcome) = now.outcome.filter(|_| at >= now.end) {
            return Ok(writer.control(&Answer::TerminalEnded { outcome }).await?);
        }
        tokio::select! {
            changed = progress.changed() => if changed.is_err() {
                return Ok(());
            },
            _still_listening = credit.changed() => {}
        }
    }
}

impl Credit {
    /// One past the last byte that may be sent.
    fn limit(self, lost_before: u64) -> u64 {
        match self.taken {
            Some(taken) if !self.input_waits => taken.max(lost_before) + CREDIT_BYTES,
            _ => u64::MAX,
        }
    }

    /// What counts as taken, `sent` being on its way.
    fn position(self, sent: u64) -> u64 {
        match self.taken {
            Some(taken) if !self.input_waits => taken.min(sent),
            _ => sent,
        }
    }
}

async fn listen(
    workspace: &Workspace,
    session: &Session,
    may_type: bool,
    credit: &watch::Sender<Credit>,
    reader: &mut Reader,
) -> Result<(), ConnectionError> {
    while let Some(frame) = reader.next().await? {
        if frame.kind != FrameKind::Control {
            let (_, bytes) = frame.into_data()?;
            if may_type {
                workspace.note_activity(ActivitySource::Terminal, bytes.len() as u64);
                type_in(session, credit, &bytes).await?;
            }
            continue;
        }
        match serde_json::from_slice(&frame.payload)? {
            Input::Taken { offset } => credit.send_modify(|credit| credit.taken = Some(offset)),
            Input::Resize(size) if may_type => session.resize(size)?,
            Input::Signal(signal) if may_type => session.signal(signal),
            Input::Resize(_) | Input::Signal(_) | Input::EndOfInput => {}
        }
    }
    Ok(())
}

/// Types, and says so while the program does not read.
async fn type_in(
    session: &Session,
    credit: &watch::Sender<Credit>,
    bytes: &[u8],
) -> std::io::Result<()> {
    let writing = session.write(bytes);
    tokio::pin!(writing);
    tokio::select! {
        biased;
        done = &mut writing => return done,
        () = std::future::ready(()) => {}
    }
    credit.send_modify(|credit| credit.input_waits = true);
    let done = writing.await;
    credit.send_modify(|credit| credit.input_waits = false);
    done
}
