//! A terminal over a WebSocket: bytes both ways, resumed by offset, and always told why it ends.
//!
//! ```text
//!  browser ──► listen ──typed──► type_in ──► init        three loops of one task, so that a
//!          ◄── pour  ◄──────────────────────  init        stalled side stops only itself
//! ```
//!
//! What a viewer has not taken is bounded twice: by what the socket takes, and, for a viewer that
//! acknowledges, by a window that reaches down to the program. So Ctrl-C is answered at once,
//! however much there was to show. What the viewer types goes another way than what it sees; while
//! typed bytes wait for the program the window stands open, since the program may itself be
//! waiting for what it wrote to be taken.

mod close;
mod codec;
mod listen;
mod out;
mod show;
mod text;
mod window;

pub(crate) use close::Close;
pub(crate) use codec::Protocol;

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ws::WebSocket;
use futures::StreamExt as _;
use nexus_events::id::WorkspaceId;
use nexus_init_protocol::{Client, SessionId};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Api;
use super::standing::Standing;
use crate::gateway::Attach;
use crate::identity::Identity;
use crate::queries::WorkspaceRef;
use out::Out;
use window::Window;

/// The largest message from a viewer, in bytes.
pub(crate) const MOST_INCOMING: usize = 64 * 1024;

/// The largest message read at all: one that is too large is answered by a close frame, which its
/// sender only sees once it has sent the message.
pub(crate) const MOST_READ: usize = 1024 * 1024;

/// Messages typed ahead of the program at most; the viewer's socket holds the rest.
const TYPED_AHEAD: usize = 4;

/// Answers to a viewer's questions that wait to be sent at most.
const ANSWERS_AHEAD: usize = 16;

/// How long the other end is given to close, too.
const FAREWELL: Duration = Duration::from_secs(1);

/// What somebody wants to see, and how.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Who.
    pub(crate) identity: Identity,
    /// In which workspace.
    pub(crate) workspace: WorkspaceRef,
    /// Which session.
    pub(crate) attach: Attach,
    /// In which frames.
    pub(crate) protocol: Protocol,
    /// Whether the viewer was here before, and wants to know of a new session.
    pub(crate) reconnects: bool,
}

/// What the loops of one viewer share.
#[derive(Debug)]
struct Shared {
    window: Window,
    heard: Mutex<Instant>,
    attached: Mutex<Option<(WorkspaceId, SessionId, Client)>>,
}

impl Shared {
    fn new() -> Self {
        Self {
            window: Window::default(),
            heard: Mutex::new(Instant::now()),
            attached: Mutex::default(),
        }
    }

    fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn silent_for(&self) -> Duration {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

/// Shows a terminal until either side ends it.
pub(crate) async fn serve(api: Api, socket: WebSocket, opening: Opening, standing: Standing) {
    let gone = api.shutdown().child_token();
    let _watch = standing.watch(gone.clone());
    let (sink, mut stream) = socket.split();
    let mut out = Out::new(sink, opening.protocol);
    let shared = Shared::new();
    let (typed, typing) = mpsc::channel(TYPED_AHEAD);
    let (answer, answers) = mpsc::channel(ANSWERS_AHEAD);
    let close = {
        let ways = listen::Ways {
            protocol: opening.protocol,
            read_only: opening.attach.read_only,
            typed,
            answer,
        };
        let listening = listen::listen(&mut stream, ways, &shared);
        let showing = show::show(&api, &opening, &mut out, (typing, answers), &shared);
        let mut showing = pin!(showing);
        tokio::select! {
            close = listening => {
                if close == Close::Gone {
                    // It knows, and has what was typed before the viewer left on its way.
                    let _ = tokio::time::timeout(show::LAST_KEYS, showing).await;
                }
                close
            }
            close = &mut showing => close,
            () = gone.cancelled() => match api.shutdown().is_cancelled() {
                true => Close::Restarting,
                false => Close::AccessLost,
            },
        }
    };
    out.close(&close).await;
    let farewell = async { while let Some(Ok(_)) = stream.next().await {} };
    // Who does not close in time is left alone.
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
    let attached = shared.attached.into_inner();
    if let Some((workspace, session, client)) = attached.unwrap_or_else(PoisonError::into_inner) {
        let leavings = api.app().gateway().leavings();
        leavings.note(workspace, session, client);
    }
}
/// Reads any bytes, as what a viewer sends and as what it is shown.
#[cfg(feature = "testing")]
pub(crate) fn read_any(bytes: &[u8]) {
    codec::read_frames(bytes);
    text::decode_cut(bytes);
}
