//! The output of a step or a service on its way into the journal.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nexus_init_protocol::{ExitOutcome, OutputStream, ReportEvent, StepName};

use crate::exec::output::{ProcessEvent, ProcessOutput};
use crate::workspace::Workspace;

/// Lines kept for the report of a failure.
const LAST_LINES: usize = 20;
/// A line kept is cut here.
const LINE_LENGTH: usize = 400;
/// A process that floods is slowed down to one report in this time.
const PACE: Duration = Duration::from_millis(5);

/// Collects the output of one process.
#[derive(Debug)]
pub(crate) struct Transcript {
    step: StepName,
    stdout: Whole,
    stderr: Whole,
    lines: LastLines,
    last_report: Option<Instant>,
}

impl Transcript {
    pub(crate) fn new(step: StepName) -> Self {
        Self {
            step,
            stdout: Whole::default(),
            stderr: Whole::default(),
            lines: LastLines::default(),
            last_report: None,
        }
    }

    /// Reports everything the process writes, until it has ended.
    pub(crate) async fn follow(
        &mut self,
        workspace: &Workspace,
        output: &mut ProcessOutput,
    ) -> std::io::Result<ExitOutcome> {
        loop {
            match output.next().await? {
                ProcessEvent::Output(stream, bytes) => self.add(workspace, stream, bytes),
                ProcessEvent::Ended(outcome) => return Ok(outcome),
            }
            self.pace().await;
        }
    }

    fn add(&mut self, workspace: &Workspace, stream: OutputStream, bytes: &[u8]) {
        let whole = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let text = whole.take(bytes);
        if text.is_empty() {
            return;
        }
        self.lines.add(&text);
        let step = self.step.clone();
        workspace
            .journal
            .append(ReportEvent::Output { step, stream, text });
    }

    async fn pace(&mut self) {
        let now = Instant::now();
        let is_flood = self.last_report.is_some_and(|last| now - last < PACE);
        self.last_report = Some(now);
        if is_flood {
            tokio::time::sleep(PACE).await;
        }
    }

    /// The last lines of both streams together.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.lines.finished()
    }
}

/// Cuts bytes between characters, not inside them.
#[derive(Debug, Default)]
struct Whole {
    begun: Vec<u8>,
}

impl Whole {
    fn take(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let end = match std::str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let rest = self.begun.split_off(end);
        let text = String::from_utf8_lossy(&self.begun).into_owned();
        self.begun = rest;
        text
    }
}

#[derive(Debug, Default)]
struct LastLines {
    lines: VecDeque<String>,
    begun: String,
}

impl LastLines {
    fn add(&mut self, text: &str) {
        let mut parts = text.split('\n');
        self.begun.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let line = std::mem::replace(&mut self.begun, part.to_owned());
            self.lines.push_back(cut(&line));
        }
        let surplus = self.lines.len().saturating_sub(LAST_LINES);
        self.lines.drain(..surplus);
        if self.begun.len() > 2 * LINE_LENGTH {
            self.begun = cut(&self.begun);
        }
    }

    fn finished(&self) -> Vec<String> {
        let begun = (!self.begun.is_empty()).then(|| cut(&self.begun));
        let lines: Vec<String> = self.lines.iter().cloned().chain(begun).collect();
        let surplus = lines.len().saturating_sub(LAST_LINES);
        lines.into_iter().skip(surplus).collect()
    }
}

fn cut(line: &str) -> String {
    line.trim_end().chars().take(LINE_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_never_cut() {
        let mut whole = Whole::default();
        let bytes = "aé✓".as_bytes();
        let text: String = bytes.iter().map(|byte| whole.take(&[*byte])).collect();
        assert_eq!(text, "aé✓");
        assert_eq!(whole.take(b"\xff."), "\u{fffd}.");
    }

    #[test]
    fn the_last_lines_are_kept_whole() {
        let mut lines = LastLines::default();
        for number in 0..100 {
            lines.add("li");
            lines.add(&format!("ne {number}\n"));
        }
        lines.add("no newline");
        let kept = lines.finished();
        assert_eq!(kept.len(), LAST_LINES);
        assert_eq!(kept[LAST_LINES - 2], "line 99");
        assert_eq!(kept[LAST_LINES - 1], "no newline");
    }
}
