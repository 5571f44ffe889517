//! The side that shows: a thread that writes, so that a slow terminal holds back the program
//! inside and not our hearing of keys.

use std::io::{self, Write as _};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

/// Pieces on their way to the terminal; the server sends no more than 128 KiB unacknowledged.
const WAITING: usize = 64;

/// Something to show.
#[derive(Debug)]
enum Piece {
    /// Bytes of the session; afterwards everything before this offset was shown.
    Bytes(Vec<u8>, u64),
    /// A line of ours.
    Line(String),
}

/// The terminal, to be written to.
#[derive(Debug)]
pub(super) struct Screen {
    pieces: mpsc::Sender<Piece>,
    shown: mpsc::UnboundedReceiver<u64>,
    writer: JoinHandle<()>,
    raw: bool,
    quiet: bool,
}

impl Screen {
    /// Begins to write; `raw`: the terminal does not return the carriage by itself.
    pub(super) fn new(raw: bool, quiet: bool) -> Self {
        let (pieces, mut waiting) = mpsc::channel(WAITING);
        // As many entries as there are pieces, which are bounded.
        let (told, shown) = mpsc::unbounded_channel();
        let writer = std::thread::spawn(move || {
            while let Some(piece) = waiting.blocking_recv() {
                // Nobody looks any more: then there is nothing to acknowledge either.
                if write(&piece).is_err() {
                    return;
                }
                if let Piece::Bytes(_, end) = piece
                    && told.send(end).is_err()
                {
                    return;
                }
            }
        });
        Self {
            pieces,
            shown,
            writer,
            raw,
            quiet,
        }
    }

    /// Shows bytes of the session that end before the offset `end`; `false`: nobody looks.
    pub(super) async fn bytes(&self, bytes: Vec<u8>, end: u64) -> bool {
        self.pieces.send(Piece::Bytes(bytes, end)).await.is_ok()
    }

    /// Shows a line of ours beside the session.
    pub(super) async fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        let text = crate::clean::clean(text);
        let line = match self.raw {
            true => format!("\r\n[nexus] {text}\r\n"),
            false => format!("[nexus] {text}\n"),
        };
        // Nobody looks any more.
        let _ = self.pieces.send(Piece::Line(line)).await;
    }

    /// The next offset before which everything was shown; `None` once nobody looks.
    pub(super) async fn shown(&mut self) -> Option<u64> {
        let mut newest = self.shown.recv().await?;
        while let Ok(newer) = self.shown.try_recv() {
            newest = newer;
        }
        Some(newest)
    }

    /// Shows what is waiting, and ends.
    pub(super) fn finish(self) {
        drop(self.pieces);
        // A writer that panicked has shown what it could.
        let _ = self.writer.join();
    }
}

fn write(piece: &Piece) -> io::Result<()> {
    match piece {
        Piece::Bytes(bytes, _) => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()
        }
        Piece::Line(line) => io::stderr().lock().write_all(line.as_bytes()),
    }
}
