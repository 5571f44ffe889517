//! A tail of the log as a program reads it, over each transport; cut, it comes back with the last
//! sequence it has.
//!
//! It is one of somebody who may see everything, so a number left out or given twice is seen at
//! once: after each sequence comes the next.

mod carrier;
mod place;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use tokio::sync::watch;

pub use carrier::Carrier;
use carrier::{Said, Words};
pub use place::Place;

/// The pause before coming back to a server that is not there.
const PAUSE: Duration = Duration::from_millis(20);

/// One tail and how far it is.
pub struct Tail {
    place: Place,
    carrier: Carrier,
    words: Option<Words>,
    last: u64,
    opened: usize,
    goodbyes: Vec<String>,
}

impl Tail {
    /// One that begins with the first event and is not open yet.
    pub fn new(place: &Place, carrier: Carrier) -> Self {
        Self {
            place: place.clone(),
            carrier,
            words: None,
            last: 0,
            opened: 0,
            goodbyes: Vec::new(),
        }
    }

    /// The last sequence it was given.
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// How many times it was opened: one more than it was cut.
    pub const fn opened(&self) -> usize {
        self.opened
    }

    /// What the server said whenever it ended it, if it could say anything.
    pub fn goodbyes(&self) -> &[String] {
        &self.goodbyes
    }

    /// Opens it where it was, without reading.
    ///
    /// # Errors
    /// When it is refused or nobody answers.
    pub async fn open(&mut self) -> anyhow::Result<()> {
        self.words = Some(self.carrier.open(&self.place, self.last).await?);
        self.opened += 1;
        Ok(())
    }

    /// Reads what comes until it is cut or has the event `goal`.
    ///
    /// # Errors
    /// When an event is not the one that comes next.
    pub async fn read(&mut self, goal: u64) -> anyhow::Result<()> {
        while self.last < goal {
            if !self.step().await? {
                break;
            }
        }
        Ok(())
    }

    /// Reads until it has the event `goal`, whatever that is by then, and comes back whenever it
    /// is cut.
    ///
    /// # Errors
    /// When an event is not the one that comes next.
    pub async fn follow(&mut self, mut goal: watch::Receiver<u64>) -> anyhow::Result<()> {
        loop {
            if self.last >= *goal.borrow_and_update() {
                return Ok(());
            }
            if self.words.is_none() && self.open().await.is_err() {
                // The server is down, or the proxy before it cuts even this.
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            tokio::select! {
                read = self.step() => { read?; }
                changed = goal.changed() => changed.context("nobody says where it ends")?,
            }
        }
    }

    /// Takes one thing that comes; whether it is still open. Dropping the future loses nothing.
    async fn step(&mut self) -> anyhow::Result<bool> {
        let said = match &mut self.words {
            Some(words) => words.next().await,
            None => return Ok(false),
        };
        match said {
            Some(Ok(Said::Event(sequence))) => {
                let (last, carrier) = (self.last, self.carrier);
                ensure!(
                    sequence == last + 1,
                    "{carrier:?}: after {last} came {sequence}"
                );
                self.last = sequence;
                return Ok(true);
            }
            Some(Ok(Said::Goodbye(reason))) => self.goodbyes.push(reason),
            // Cut in the middle of something: what is not whole was not given.
            Some(Err(_)) | None => {}
        }
        self.words = None;
        Ok(false)
    }
}
