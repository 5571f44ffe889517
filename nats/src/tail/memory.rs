//! Following the log in memory.

use std::collections::VecDeque;

use tokio::sync::watch;

use super::{Filter, Next};
use crate::event_log::Recorded;
use crate::memory::MemoryLog;

/// How many events are copied out at a time.
const CHUNK: usize = 1_024;

#[derive(Debug)]
pub(super) struct MemoryTail {
    log: MemoryLog,
    last: watch::Receiver<u64>,
    chunk: VecDeque<Recorded>,
    idle: bool,
}

impl MemoryTail {
    pub(super) fn new(log: MemoryLog) -> Self {
        let last = log.watch_last();
        Self {
            log,
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
            self.chunk = self
                .log
                .some_after(position, CHUNK, |subject| filter.wants(subject))
                .into();
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
