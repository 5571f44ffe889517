//! What happens in a run: made from a seed, or written by hand, and short enough to read.
//!
//! ```text
//! seed 17
//! workers 2
//! replicas 2
//! weather rough
//! 0.250 u0 create app r1
//! 3.000 u0 delete app r0
//! 3.500 w0 mute 8000
//! 4.000 w0 crash 7 2000
//! ```
//!
//! The seed of a script chooses the schedule and every delay, so dropping a line changes those that
//! come after it; [`super::shrink`] tries and keeps what still fails.

mod generate;
mod text;

use std::time::Duration;

use nexus_workers::fake::Call;
use nexus_workers::provider::ErrorClass;

/// A run to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Chooses everything that is not written.
    pub seed: u64,
    /// How many nodes there are, each with an engine.
    pub workers: usize,
    /// How many control planes.
    pub replicas: usize,
    /// How the wires are while something happens.
    pub weather: Weather,
    /// What happens, in order.
    pub entries: Vec<Entry>,
}

/// How calls fare that nobody harms on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// They take a millisecond or two.
    Calm,
    /// Some are late.
    Fair,
    /// Some are late, and one in a hundred is lost.
    Rough,
}

/// Something that happens at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When, from the beginning.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Somebody asks a control plane for something.
    Ask {
        /// Who.
        user: usize,
        /// What.
        ask: Ask,
        /// The name of the workspace.
        name: Name,
        /// Which control plane.
        replica: usize,
    },
    /// Something goes wrong.
    Fault(Fault),
}

/// A name, which also says what is asked for under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// With a repository, and stopped when idle.
    App,
    /// Empty, and never stopped.
    Lab,
    /// With a repository and a service.
    Web,
}

/// What people ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the verbs of the API")]
pub enum Ask {
    Create,
    Start,
    Stop,
    Delete,
    Hold,
    Release,
    Use,
}

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// A worker, and its node.
    Worker(usize),
    /// A control plane.
    Replica(usize),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process ends at its n-th call from now on, and is started again after a while.
    Crash(Victim, u64, Duration),
    /// The worker ends in good order, and is started again after a while.
    Leave(usize, Duration),
    /// Nothing gets from it to the bus.
    Cut(Victim, Duration),
    /// What it says arrives; no answer comes back.
    Deafen(Victim, Duration),
    /// Its acknowledgements get lost.
    Mute(usize, Duration),
    /// What it says takes up to three seconds.
    Slow(Victim, Duration),
    /// It stands still.
    Pause(Victim, Duration),
    /// Its clock is set by so many milliseconds.
    Clock(Victim, i64),
    /// Every command in a worker's hands is delivered once more.
    Again,
    /// The next call of this kind fails so, before or after its effect.
    Fail(usize, Call, ErrorClass, When),
    /// The next call of this kind never answers.
    Hang(usize, Call, When),
    /// The set-ups of this node fail at the clone from now on, or go well again.
    BreakSetUp(usize, bool),
    /// The machine of a user's workspace ends unasked.
    Exit(usize, Name),
}

impl Fault {
    /// Whom it harms, where it is one process.
    pub(super) const fn victim(&self) -> Option<Victim> {
        match self {
            Self::Crash(victim, ..)
            | Self::Cut(victim, _)
            | Self::Deafen(victim, _)
            | Self::Slow(victim, _)
            | Self::Pause(victim, _)
            | Self::Clock(victim, _) => Some(*victim),
            Self::Leave(worker, _)
            | Self::Mute(worker, _)
            | Self::Fail(worker, ..)
            | Self::Hang(worker, ..)
            | Self::BreakSetUp(worker, _) => Some(Victim::Worker(*worker)),
            Self::Again | Self::Exit(..) => None,
        }
    }
}

/// When a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing happened.
    Before,
    /// Although its effect happened.
    After,
}

impl Script {
    /// How many users there are.
    pub const USERS: usize = 2;
}
