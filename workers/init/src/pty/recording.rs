//! A terminal's output as an asciicast v2 file, for those who asked for it when the session was made.
//!
//! The file is below init's own state, readable by init alone, and bounded: at its limit the recording
//! says so and ends. Only what is shown is in it, never what is typed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use nexus_init_protocol::{SessionId, TerminalSize};
use serde_json::json;

use crate::clock::now_ms;

/// Bytes of one recording.
const LIMIT: u64 = 16 << 20;
/// Recordings kept; the oldest go first.
const KEPT: usize = 32;

/// A recording under way.
#[derive(Debug)]
pub(super) struct Recording {
    file: File,
    started: Instant,
    written: u64,
    limit: u64,
    /// The beginning of a character whose rest has not come yet.
    unfinished: Vec<u8>,
    is_over: bool,
}

impl Recording {
    /// Begins a file below `directory`.
    pub(super) fn start(directory: &Path, id: &SessionId, size: TerminalSize) -> io::Result<Self> {
        Self::start_within(directory, id, size, LIMIT)
    }

    fn start_within(
        directory: &Path,
        id: &SessionId,
        size: TerminalSize,
        limit: u64,
    ) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        forget_oldest(directory)?;
        let name = format!("{:015}-{id}.cast", now_ms());
        let mut options = fs::OpenOptions::new();
        let file = options
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(directory.join(name))?;
        let mut recording = Self {
            file,
            started: Instant::now(),
            written: 0,
            limit,
            unfinished: Vec::new(),
            is_over: false,
        };
        recording.line(&json!({
            "version": 2,
            "width": size.columns,
            "height": size.rows,
            "timestamp": now_ms() / 1000,
            "env": {"TERM": "xterm-256color"},
        }));
        Ok(recording)
    }

    /// Whether anything is still written.
    pub(super) fn is_running(&self) -> bool {
        !self.is_over
    }

    /// Adds bytes that were shown.
    pub(super) fn shown(&mut self, bytes: &[u8]) {
        self.unfinished.extend_from_slice(bytes);
        let whole = whole_characters(&self.unfinished);
        let text = String::from_utf8_lossy(&self.unfinished[..whole]).into_owned();
        self.unfinished.drain(..whole);
        if !text.is_empty() {
            self.event("o", &text);
        }
    }

    /// Adds a new size of the window.
    pub(super) fn resized(&mut self, size: TerminalSize) {
        self.event("r", &format!("{}x{}", size.columns, size.rows));
    }

    fn event(&mut self, kind: &str, text: &str) {
        let time = self.started.elapsed().as_secs_f64();
        self.line(&json!([time, kind, text]));
        if !self.is_over && self.written >= self.limit {
            let end = json!([time, "m", "this recording is at its size limit"]);
            self.line(&end);
            self.is_over = true;
        }
    }

    fn line(&mut self, value: &serde_json::Value) {
        if self.is_over {
            return;
        }
        let mut line = value.to_string();
        line.push('\n');
        self.written += line.len() as u64;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "a terminal is no longer recorded");
            self.is_over = true;
        }
    }
}

/// How many bytes from the start make whole characters; bytes that never can count as whole.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => match error.error_len() {
            None => error.valid_up_to(),
            Some(length) => {
                let broken = error.valid_up_to() + length;
                broken + whole_characters(&bytes[broken..])
            }
        },
    }
}

fn forget_oldest(directory: &Path) -> io::Result<()> {
    let entries = fs::read_dir(directory)?.flatten();
    // Names begin with the time, so that order by name is order by age.
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    let surplus = (files.len() + 1).saturating_sub(KEPT);
    for file in files.into_iter().take(surplus) {
        fs::remove_file(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_file(directory: &Path) -> Vec<serde_json::Value> {
        let entry = fs::read_dir(directory).unwrap().next().unwrap().unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn characters_cut_in_two_are_recorded_whole() {
        let directory = tempfile::tempdir().unwrap();
        let id = SessionId::new("s").unwrap();
        let size = TerminalSize::default();
        let mut recording = Recording::start(directory.path(), &id, size).unwrap();
        recording.shown("a\u{e9}".as_bytes().split_at(2).0);
        recording.shown(&"\u{e9}".as_bytes()[1..]);
        recording.shown(b"\xff!");
        recording.resized(TerminalSize {
            columns: 100,
            rows: 30,
        });
        let lines = only_file(directory.path());
        assert_eq!(lines[0]["version"], 2);
        assert_eq!(
            (&lines[0]["width"], &lines[0]["height"]),
            (&80.into(), &24.into())
        );
        let texts: Vec<_> = lines[1..].iter().map(|line| line[2].clone()).collect();
        assert_eq!(texts, ["a", "\u{e9}", "\u{fffd}!", "100x30"]);
        assert_eq!(lines[4][1], "r");
    }

    #[test]
    fn a_recording_ends_at_its_limit_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let id = SessionId::new("s").unwrap();
        let size = TerminalSize::default();
        let mut recording = Recording::start_within(directory.path(), &id, size, 1000).unwrap();
        for _piece in 0..100 {
            recording.shown(b"a line of output\r\n");
        }
        assert!(!recording.is_running());
        let lines = only_file(directory.path());
        assert_eq!(lines.last().unwrap()[1], "m");
        assert!(lines.len() < 40, "{}", lines.len());
    }

    #[test]
    fn the_oldest_recordings_make_room() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..40 {
            fs::write(directory.path().join(format!("{number:015}-x.cast")), "").unwrap();
        }
        let id = SessionId::new("s").unwrap();
        drop(Recording::start(directory.path(), &id, TerminalSize::default()).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), KEPT);
        assert!(!directory.path().join("000000000000000-x.cast").exists());
    }
}
