//! The wires between processes and the bus, and what is under way on them.
//!
//! A call is carried there, has its effect, and its answer is carried back; each takes a while, and
//! each can get lost. What is under way arrives although whoever sent it has crashed. So calls of
//! one process overtake each other, which is more than a real connection does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_nats::memory::{Call, Carrying, Effect, Lost, Wire};
use tokio::sync::oneshot;

use super::chance::Chance;
use super::script::{Entry, Weather};
use super::trace::Trace;
use super::virtually;

/// How long somebody waits for an answer, as with a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that happens at a moment to come.
pub(super) enum Action {
    /// A call arrives.
    Effect(Effect),
    /// Its answer arrives, or the patience of whoever waits for it ends.
    Answer(Tell, Result<(), Lost>),
    /// The script goes on.
    Entry(usize, Entry),
    /// Somebody asks once more what got no answer, for the n-th time.
    AskAgain(usize, Entry, usize),
    /// A process that should have crashed by now does.
    Crash(usize, u64),
    /// A process is started again.
    Restart(usize),
}

type Tell = oneshot::Sender<Result<(), Lost>>;

/// How the wire of one process is.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) cut_until: Duration,
    pub(super) deaf_until: Duration,
    pub(super) mute_until: Duration,
    pub(super) slow_until: Duration,
    /// How many more calls it makes before it crashes.
    pub(super) calls_left: Option<u64>,
    /// It has crashed: nothing gets out any more.
    pub(super) is_dead: bool,
    /// How often it was started.
    pub(super) lives: u64,
}

/// All wires. Clones share them.
#[derive(Clone)]
pub(super) struct Net(Arc<Mutex<State>>);

pub(super) struct State {
    to_come: BTreeMap<(Duration, u64), Action>,
    order: u64,
    pub(super) chance: Chance,
    pub(super) weather: Weather,
    pub(super) links: Vec<Link>,
    names: Vec<String>,
    pub(super) trace: Trace,
    /// Processes whose end is due, now.
    pub(super) doomed: BTreeSet<usize>,
    /// Who waits for an answer that never comes.
    limbo: Vec<Tell>,
    /// When something was lost last, for whatever reason.
    pub(super) last_loss: Duration,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net")
    }
}

impl Net {
    pub(super) fn new(seed: u64, names: Vec<String>, trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(State {
            to_come: BTreeMap::new(),
            order: 0,
            chance: Chance::of(seed, 2),
            weather: Weather::Calm,
            links: names.iter().map(|_| Link::default()).collect(),
            names,
            trace,
            doomed: BTreeSet::new(),
            limbo: Vec::new(),
            last_loss: Duration::ZERO,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wire of one process, in the life it begins now.
    pub(super) fn wire(&self, process: usize) -> Arc<dyn Wire> {
        let mut state = self.lock();
        let link = &mut state.links[process];
        link.lives += 1;
        link.is_dead = false;
        link.calls_left = None;
        let life = link.lives;
        drop(state);
        Arc::new(Strand {
            net: self.clone(),
            process,
            life,
        })
    }

    pub(super) fn note(&self, who: &str, what: fmt::Arguments<'_>) {
        self.lock().trace.note(who, what);
    }
}

/// The wire of one process in one of its lives.
struct Strand {
    net: Net,
    process: usize,
    life: u64,
}

impl fmt::Debug for Strand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Strand({}, {})", self.process, self.life)
    }
}

impl Wire for Strand {
    fn carry(&self, call: Call, effect: Effect) -> Carrying {
        let (tell, told) = oneshot::channel();
        self.net
            .lock()
            .send(self.process, self.life, &call, effect, tell);
        Box::pin(async move { told.await.unwrap_or(Err(Lost::Unanswered)) })
    }
}

impl State {
    /// Has `action` happen at `at`, after everything that is to happen at that moment already.
    pub(super) fn plan(&mut self, at: Duration, action: Action) {
        self.order += 1;
        self.to_come.insert((at, self.order), action);
    }

    /// When something happens next.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.to_come.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is due.
    pub(super) fn take_due(&mut self) -> Option<Action> {
        let due = self.next_at().filter(|at| *at <= virtually::now());
        due.and_then(|_| self.to_come.pop_first().map(|(_, action)| action))
    }

    /// One more call of a process; says how long until it is dead for good, if it just died.
    pub(super) fn count_call(&mut self, process: usize) {
        let link = &mut self.links[process];
        match &mut link.calls_left {
            Some(0) => {
                link.calls_left = None;
                link.is_dead = true;
                self.doomed.insert(process);
            }
            Some(left) => *left -= 1,
            None => {}
        }
    }

    fn send(&mut self, process: usize, life: u64, call: &Call, effect: Effect, tell: Tell) {
        let link = &self.links[process];
        if link.is_dead || link.lives != life {
            return self.limbo.push(tell);
        }
        let was_due = link.calls_left == Some(0);
        self.count_call(process);
        let now = virtually::now();
        let link = &self.links[process];
        let (cut, deaf, mute) = (
            link.cut_until,
            link.deaf_until > now,
            link.mute_until > now && is_acknowledgement(call),
        );
        if was_due {
            // It dies as it calls: the call is out, or it is not.
            if self.chance.percent(50) {
                let at = now + self.delay(process);
                self.plan(at, Action::Effect(effect));
            }
            self.trace_call(process, call, "and dies");
            return self.limbo.push(tell);
        }
        if cut > now + PATIENCE {
            self.lost(process, call, "cut");
            return self.plan(now + PATIENCE, Action::Answer(tell, Err(Lost::OnTheWay)));
        }
        // A client waits for its connection, and goes on when that is back.
        let begins = now.max(cut);
        if mute || self.loses() {
            self.lost(process, call, "lost");
            return self.plan(
                begins + PATIENCE,
                Action::Answer(tell, Err(Lost::Unanswered)),
            );
        }
        let there = begins + self.delay(process);
        self.plan(there, Action::Effect(effect));
        if deaf || self.loses() {
            self.lost(process, call, "unanswered");
            return self.plan(
                begins + PATIENCE,
                Action::Answer(tell, Err(Lost::Unanswered)),
            );
        }
        let back = there + self.delay(process);
        match back > begins + PATIENCE {
            true => {
                self.lost(process, call, "too late");
                self.plan(
                    begins + PATIENCE,
                    Action::Answer(tell, Err(Lost::Unanswered)),
                );
            }
            false => self.plan(back, Action::Answer(tell, Ok(()))),
        }
    }

    fn loses(&mut self) -> bool {
        match self.weather {
            Weather::Calm | Weather::Fair => false,
            Weather::Rough => self.chance.below(1_000) < 6,
        }
    }

    fn delay(&mut self, process: usize) -> Duration {
        if self.links[process].slow_until > virtually::now() {
            return Duration::from_millis(self.chance.between(1, 3_000));
        }
        let late = match self.weather {
            Weather::Calm => false,
            Weather::Fair => self.chance.percent(3),
            Weather::Rough => self.chance.percent(10),
        };
        Duration::from_micros(match late {
            true => self.chance.between(2_000, 800_000),
            false => self.chance.between(50, 2_000),
        })
    }

    fn lost(&mut self, process: usize, call: &Call, how: &str) {
        self.last_loss = virtually::now();
        self.trace_call(process, call, how);
    }

    fn trace_call(&mut self, process: usize, call: &Call, how: &str) {
        let who = self.names[process].clone();
        self.trace.note(&who, format_args!("{call:?} {how}"));
    }
}

/// Whether a worker answers the queue with it.
const fn is_acknowledgement(call: &Call) -> bool {
    match call {
        Call::Done(_) | Call::Return(_) | Call::GiveUp(_) => true,
        Call::Append { .. }
        | Call::Read
        | Call::Follow
        | Call::Publish(_)
        | Call::Pending
        | Call::Withdraw
        | Call::Take(_)
        | Call::Extend(_)
        | Call::Beat(_)
        | Call::Hear => false,
    }
}
