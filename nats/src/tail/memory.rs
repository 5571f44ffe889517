//! Following the log in memory.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;

use super::{Filter, Next};
use crate::event_log::Recorded;
use crate::memory::{Call, Line, MemoryLog};

/// How many events are copied out at a time.
const CHUNK: usize = 1_024;
/// Before a read that got lost is made again.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct MemoryTail {
    log: MemoryLog,
    line: Line,
    last: watch::Receiver<u64>,
    chunk: VecDeque<Recorded>,
    idle: bool,
}

impl MemoryTail {
    pub(super) fn new(log: MemoryLog, line: Line) -> Self {
        let last = log.watch_last();
        Self {
            log,
            line,
            last,
            chunk: VecDeque::new(),
            idle: false,
        }
    }

    pub(super) async fn next(&mut self, position: u64, filter: &Filter) -> Next {
        loop {
            if let Some(event) = self.chunk.pop_front() {
                self.idle = false;
                let pending = self.pending(event.sequence, filter);
                return Next::Event(event, pending);
            }
            if self.idle {
                // The log is held by this tail, so its sender lives.
                let _ = self.last.changed().await;
            }
            self.last.borrow_and_update();
            let (log, wanted) = (self.log.clone(), filter.clone());
            let read = move || log.some_after(position, CHUNK, |subject| wanted.wants(subject));
            match self.line.call(|| Call::Follow, read).await {
                Ok(chunk) => self.chunk = chunk.into(),
                Err(_) => {
                    self.idle = false;
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            if self.chunk.is_empty() && !std::mem::replace(&mut self.idle, true) {
                return Next::CaughtUp;
            }
        }
    }

    fn pending(&self, sequence: u64, filter: &Filter) -> u64 {
        if self.chunk.is_empty() {
            self.log
                .some_after(sequence, 1, |subject| filter.wants(subject))
                .len() as u64
        } else {
            self.chunk.len() as u64
        }
    }
}
