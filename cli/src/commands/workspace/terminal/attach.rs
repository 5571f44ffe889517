//! Attaching: connect, pass bytes and keys, and come back when the line breaks.

use std::collections::VecDeque;
use std::io::Read as _;
use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use nexus_events::view::{TerminalAsk, TerminalTold, WorkspaceView};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::keys::{self, Key, Keys};
use super::raw::{Raw, size};
use super::screen::Screen;
use super::socket::{Socket, connect};
use super::viewer::{Act, Closed, Viewer, exit, over};
use crate::args::terminal::Terminal;
use crate::client::workspace_path;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::server::Server;

/// The line is looked after so often, and is dead after three silent times.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The pause before connecting again; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a broken line is tried again.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long the rest of a line that broke may take to come.
const REST: Duration = Duration::from_secs(2);
/// Bytes typed while the line is broken that are kept for later.
const MOST_TYPED: usize = 64 << 10;

/// A terminal that is attached, or about to be again.
struct Attachment<'a> {
    server: Server,
    workspace: &'a WorkspaceView,
    arguments: &'a Terminal,
    viewer: Viewer,
    screen: Screen,
    keys: Keys,
    raw: bool,
    typed: mpsc::Receiver<Vec<u8>>,
    waiting: VecDeque<u8>,
    resized: Signal,
    asked_at: Option<(u64, Instant)>,
}

/// Why attending to a connection stopped.
enum Stop {
    /// The server, or the line.
    Closed(Closed),
    /// The person.
    Left,
    /// Nobody looks at the output any more.
    Unseen,
}

pub(super) async fn run(
    context: &Context,
    workspace: &WorkspaceView,
    arguments: &Terminal,
) -> Result<Exit> {
    let failed = |error: std::io::Error| {
        Error::new(
            Exit::Failure,
            "take the terminal",
            error,
            "try again in another terminal",
        )
    };
    let server = context.server()?;
    let raw = Raw::take().map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    let mut attachment = Attachment {
        server,
        workspace,
        arguments,
        viewer: Viewer::default(),
        screen: Screen::new(raw.is_terminal(), context.is_quiet()),
        keys: Keys::default(),
        raw: raw.is_terminal(),
        typed: typed(raw.is_terminal()),
        waiting: VecDeque::new(),
        resized: signal(SignalKind::window_change()).map_err(failed)?,
        asked_at: None,
    };
    if raw.is_terminal() {
        attachment.screen.line(keys::HELP).await;
    }
    let ended = tokio::select! {
        ended = attachment.keep() => ended,
        _ = terminate.recv() => Ok(Exit::Ok),
        _ = hang_up.recv() => Ok(Exit::Ok),
    };
    attachment.screen.finish();
    drop(raw);
    ended
}

/// What is typed, read beside everything else. At the end of a file the program inside is told as
/// a terminal would tell it, with Ctrl-D.
fn typed(terminal: bool) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        loop {
            let count = std::io::stdin().lock().read(&mut buffer).unwrap_or(0);
            let last = count == 0;
            let bytes = match (last, terminal) {
                (false, _) => buffer[..count].to_vec(),
                (true, false) => vec![4],
                (true, true) => return,
            };
            if sender.blocking_send(bytes).is_err() || last {
                return;
            }
        }
    });
    receiver
}

impl Attachment<'_> {
    /// Stays attached until the program ends, the person leaves, or there is no way back.
    async fn keep(&mut self) -> Result<Exit> {
        let mut socket = self.connect().await?;
        let mut broken_since = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let attached_before = self.viewer.session().is_some();
            let stop = self.attend(&mut socket).await;
            if self.viewer.session().is_some() && !attached_before {
                pause = FIRST_PAUSE;
            }
            let why = match stop {
                Stop::Left => return Ok(self.left().await),
                Stop::Unseen => return Ok(Exit::Ok),
                Stop::Closed(Closed::Ended(ended)) => return Ok(exit(ended)),
                Stop::Closed(Closed::Over(exit, why)) => {
                    return Err(over(self.workspace.name.as_str(), exit, &why));
                }
                Stop::Closed(Closed::ComeBack(why)) => why,
            };
            let since = *broken_since.get_or_insert_with(Instant::now);
            self.screen.line(&format!("{why}; connecting again")).await;
            loop {
                if since.elapsed() > PATIENCE {
                    return Err(over(self.workspace.name.as_str(), Exit::Unreachable, &why));
                }
                if self.pause(pause).await {
                    return Ok(self.left().await);
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                match self.connect().await {
                    Ok(again) => {
                        socket = again;
                        pause = FIRST_PAUSE;
                        broken_since = None;
                        break;
                    }
                    Err(error) if error.exit == Exit::Unreachable => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn connect(&self) -> Result<Socket> {
        let Self {
            workspace,
            arguments,
            ..
        } = self;
        let (cols, rows) = size();
        let session = arguments.session.as_deref();
        let query = self
            .viewer
            .query(session, arguments.read_only, arguments.record);
        let path = workspace_path(&workspace.id.to_string(), "/terminal");
        let target = format!("{path}?{query}&cols={cols}&rows={rows}").replacen("?&", "?", 1);
        let what = format!("open a terminal in workspace {}", workspace.name);
        connect(&self.server, &what, &target).await
    }

    /// Waits, hearing only whether the person leaves; what else is typed is kept for later.
    async fn pause(&mut self, pause: Duration) -> bool {
        let end = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return false,
                Some(bytes) = self.typed.recv() => {
                    for key in self.read(&bytes) {
                        match key {
                            Key::Leave => return true,
                            Key::Input(input) => self.keep_for_later(&input),
                            Key::Latency | Key::Redraw => {}
                        }
                    }
                }
            }
        }
    }

    fn keep_for_later(&mut self, input: &[u8]) {
        let room = MOST_TYPED - self.waiting.len().min(MOST_TYPED);
        self.waiting.extend(&input[..input.len().min(room)]);
    }

    /// Only a terminal has keys of ours; a file is passed on as it is.
    fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        match self.raw {
            true => self.keys.read(bytes),
            false => vec![Key::Input(bytes.to_vec())],
        }
    }

    /// Passes bytes both ways until the connection ends.
    async fn attend(&mut self, socket: &mut Socket) -> Stop {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut silent = 0u32;
        let mut typing = true;
        loop {
            let sent = tokio::select! {
                message = socket.next() => {
                    silent = 0;
                    match message {
                        Some(Ok(message)) => match self.hear(socket, message).await {
                            Ok(sent) => sent,
                            Err(stop) => return stop,
                        },
                        Some(Err(_)) | None => return Stop::Closed(self.viewer.closed(None)),
                    }
                }
                bytes = self.typed.recv(), if typing => match bytes {
                    Some(bytes) => match self.type_in(socket, &bytes).await {
                        Some(sent) => sent,
                        None => return Stop::Left,
                    },
                    None => {
                        typing = false;
                        true
                    }
                },
                shown = self.screen.shown() => match shown {
                    Some(offset) => ask(socket, TerminalAsk::Ack { offset }).await,
                    None => return Stop::Unseen,
                },
                _ = self.resized.recv() => {
                    let (cols, rows) = size();
                    ask(socket, TerminalAsk::Resize { cols, rows }).await
                }
                _ = heartbeat.tick() => {
                    // Before it is attached the workspace may be starting, which takes its time.
                    silent += u32::from(self.viewer.session().is_some());
                    silent <= 3 && ask(socket, TerminalAsk::Ping { id: 0 }).await
                }
            };
            if !sent {
                return self.rest(socket).await;
            }
        }
    }

    /// Nothing can be said any more, but what has come already is shown: otherwise a server that
    /// speaks and hangs up at once would never be heard.
    async fn rest(&mut self, socket: &mut Socket) -> Stop {
        while let Ok(Some(Ok(message))) = tokio::time::timeout(REST, socket.next()).await {
            if let Err(stop) = self.hear(socket, message).await {
                return stop;
            }
        }
        Stop::Closed(self.viewer.closed(None))
    }

    /// Takes a message; `Ok(false)`: the line is broken.
    async fn hear(
        &mut self,
        socket: &mut Socket,
        message: Message,
    ) -> std::result::Result<bool, Stop> {
        match message {
            Message::Binary(bytes) => {
                let end = self.viewer.bytes(bytes.len());
                match self.screen.bytes(bytes.into(), end).await {
                    true => Ok(true),
                    false => Err(Stop::Unseen),
                }
            }
            // A frame of a newer server that this version cannot read is passed over.
            Message::Text(text) => match serde_json::from_str::<TerminalTold>(text.as_str()) {
                Ok(told) => Ok(self.act(socket, told).await),
                Err(_) => Ok(true),
            },
            Message::Close(frame) => {
                let close = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                Err(Stop::Closed(self.viewer.closed(close)))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(true),
        }
    }

    async fn act(&mut self, socket: &mut Socket, told: TerminalTold) -> bool {
        match self.viewer.told(told) {
            Act::Nothing => true,
            Act::Say(text) => {
                self.screen.line(&text).await;
                true
            }
            Act::Acknowledge(offset) => {
                let late: Vec<u8> = self.waiting.drain(..).collect();
                ask(socket, TerminalAsk::Ack { offset }).await && self.send(socket, late).await
            }
            Act::Pong(id) => {
                if let Some((_, asked_at)) = self.asked_at.take_if(|(asked, _)| *asked == id) {
                    let took = asked_at.elapsed().as_secs_f64() * 1000.0;
                    self.screen
                        .line(&format!("{took:.1} ms to the workspace's gateway"))
                        .await;
                }
                true
            }
        }
    }

    /// Takes what was typed; `None`: the person leaves. `Some(false)`: the line is broken.
    async fn type_in(&mut self, socket: &mut Socket, bytes: &[u8]) -> Option<bool> {
        for key in self.read(bytes) {
            let sent = match key {
                Key::Leave => return None,
                Key::Input(input) => self.send(socket, input).await,
                Key::Latency => {
                    let id = self.asked_at.map_or(1, |(id, _)| id + 1);
                    self.asked_at = Some((id, Instant::now()));
                    ask(socket, TerminalAsk::Ping { id }).await
                }
                Key::Redraw => {
                    // A program draws itself anew when its window changes.
                    let (cols, rows) = size();
                    let smaller = TerminalAsk::Resize {
                        cols: (cols - 1).max(1),
                        rows,
                    };
                    ask(socket, smaller).await
                        && ask(socket, TerminalAsk::Resize { cols, rows }).await
                }
            };
            if !sent {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Sends input once attached; before that it waits for its turn.
    async fn send(&mut self, socket: &mut Socket, input: Vec<u8>) -> bool {
        if self.arguments.read_only || input.is_empty() {
            return true;
        }
        if self.viewer.session().is_none() {
            self.keep_for_later(&input);
            return true;
        }
        socket.send(Message::binary(input)).await.is_ok()
    }

    async fn left(&mut self) -> Exit {
        let name = &self.workspace.name;
        let text = match (self.viewer.session(), &self.arguments.session) {
            (Some(session), Some(_)) => {
                format!("left; it goes on: nexus workspace terminal {name} --session {session}")
            }
            (Some(session), None) => format!(
                "left; it ends in 30 s unless: nexus workspace terminal {name} --session {session}"
            ),
            (None, _) => "left".into(),
        };
        self.screen.line(&text).await;
        Exit::Ok
    }
}

/// `false`: the line is broken, which its end will tell too.
async fn ask(socket: &mut Socket, ask: TerminalAsk) -> bool {
    let text = serde_json::to_string(&ask).expect("a frame is plain data");
    socket.send(Message::text(text)).await.is_ok()
}
