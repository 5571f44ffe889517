//! One run: everything put together, and the loop in which everybody takes turns.

mod begin;
mod happen;
mod settle;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use nexus_control_plane::backbone::Backbone;
use nexus_events::id::{NodeId, UserId};
use nexus_nats::MemoryBus;
use nexus_workers::fake::{FakeEngine, SetupScript};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::chance::Chance;
use super::engines::{self, Machines};
use super::ledger::{Broken, Ledger};
use super::net::{Action, Net};
use super::people::Told;
use super::plant::Plant;
use super::process::{self, Process};
use super::report::{Report, Violation};
use super::script::{Script, Victim, Weather, What};
use super::servers::Door;
use super::trace::Trace;
use super::virtually;

/// So many turns at one moment are a loop that waits for nothing.
const MOST_AT_ONCE: u32 = 20_000;

/// A run as far as it is.
pub(super) struct World {
    script: Script,
    net: Net,
    chance: Chance,
    bus: MemoryBus,
    backbone: Backbone,
    processes: Vec<Process>,
    doors: Vec<Door>,
    stops: Vec<CancellationToken>,
    engines: Vec<FakeEngine>,
    nodes: Vec<NodeId>,
    users: Vec<UserId>,
    folder: TempDir,
    ledger: Ledger,
    machines: Machines,
    turns: u64,
    turns_now: u32,
    /// Given-up commands that were looked at.
    given_up: usize,
    /// When the script begins.
    begins: Duration,
    accepted: u64,
    tell: mpsc::UnboundedSender<Answered>,
    told: mpsc::UnboundedReceiver<Answered>,
}

/// What was asked, as which entry of the script and for which time, and what somebody was told.
type Answered = (usize, What, usize, Told);

/// What a run cannot go on after.
enum Stop {
    /// A rule was broken.
    Broken(Broken),
    /// The simulation itself failed.
    Failed(anyhow::Error),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl World {
    pub(super) fn new(script: Script, plant: Plant, keep_trace: bool) -> anyhow::Result<Self> {
        let folder = folder()?;
        let workers = (0..script.workers).map(Victim::Worker);
        let replicas = (0..script.replicas).map(Victim::Replica);
        let mut names: Vec<_> = workers
            .chain(replicas)
            .map(|process| process.to_string())
            .collect();
        names.push("engines".into());
        let net = Net::new(script.seed, names.clone(), Trace::new(keep_trace));
        let bus = MemoryBus::with_flaws(plant.flaws());
        let (tell, told) = mpsc::unbounded_channel();
        let mut world = Self {
            chance: Chance::of(script.seed, 3),
            backbone: Backbone::in_memory(&bus),
            bus,
            processes: names.into_iter().map(Process::new).collect(),
            doors: vec![Door::default(); script.replicas],
            stops: vec![CancellationToken::new(); script.workers],
            engines: Vec::new(),
            nodes: (0..script.workers)
                .map(|index| NodeId::derived(format!("node {index}")))
                .collect(),
            users: Vec::new(),
            folder,
            ledger: Ledger::default(),
            machines: Machines::default(),
            turns: 0,
            turns_now: 0,
            given_up: 0,
            begins: Duration::ZERO,
            accepted: 0,
            tell,
            told,
            net,
            script,
        };
        let home = world.engines_process().start()?;
        for index in 0..world.script.workers {
            let place = world.folder.path().join(format!("e{index}"));
            std::fs::create_dir(&place)?;
            let engine = engines::engine(&home, &place, &world.net, index, world.script.seed);
            engine.script_setup(set_up(false));
            world.engines.push(engine);
        }
        Ok(world)
    }

    /// Plays the script to its end; gives the rule that was broken, if one was.
    pub(super) fn play(&mut self) -> anyhow::Result<Option<Broken>> {
        match self.try_play() {
            Ok(()) => Ok(None),
            Err(Stop::Broken(broken)) => Ok(Some(broken)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn try_play(&mut self) -> Result<(), Stop> {
        self.come_up()?;
        self.begins = virtually::now();
        {
            let mut net = self.net.lock();
            net.weather = self.script.weather;
            for (index, entry) in self.script.entries.iter().enumerate() {
                net.plan(self.begins + entry.at, Action::Entry(index, *entry));
            }
        }
        let last = self.script.entries.last().map(|entry| entry.at);
        let quiet = self.begins + last.unwrap_or_default() + Duration::from_secs(15);
        self.run_until(quiet)?;
        self.net.lock().weather = Weather::Calm;
        self.settle()
    }

    /// Until `moment`.
    fn run_until(&mut self, moment: Duration) -> Result<(), Stop> {
        while virtually::now() < moment {
            self.step(moment)?;
        }
        Ok(())
    }

    /// One turn of somebody, or one thing that happens, or, when nobody has anything to do, time.
    fn step(&mut self, limit: Duration) -> Result<(), Stop> {
        let ready = process::ready(&self.processes)?;
        if !ready.is_empty() {
            let next = self.chance.pick(&ready);
            return self.turn(next);
        }
        let due = self.net.lock().take_due();
        if let Some(action) = due {
            self.happen(action)?;
            return self.look();
        }
        let wanted = self.processes.iter().filter_map(Process::wants_turn_at);
        let next = wanted.chain(self.net.lock().next_at()).min();
        let next = next.unwrap_or(limit).min(limit);
        if next <= virtually::now() && limit <= virtually::now() {
            let seen = format!("the simulation does not get on at {limit:?}");
            return Err(Stop::Broken(("everything gets on", seen)));
        }
        self.turns_now = 0;
        virtually::advance_to(next);
        Ok(())
    }

    fn turn(&mut self, process: usize) -> Result<(), Stop> {
        self.turns += 1;
        self.turns_now += 1;
        if self.turns_now > MOST_AT_ONCE {
            let seen = format!("{} works on and on", self.processes[process].name);
            return Err(Stop::Broken(("nobody waits by working", seen)));
        }
        self.processes[process].take_turn();
        let doomed: Vec<usize> = std::mem::take(&mut self.net.lock().doomed)
            .into_iter()
            .collect();
        for process in doomed {
            self.crash(process);
        }
        self.look()
    }

    /// Looks at what is new in the log, the engines and the queue.
    fn look(&mut self) -> Result<(), Stop> {
        let now = virtually::now();
        for event in self.bus.recorded_after(self.ledger.last) {
            let line = self.ledger.take(&event, now)?;
            self.net.note("log", format_args!("{line}"));
        }
        let (found, again) = self.machines.look(&self.engines);
        for (workspace, seen) in again {
            // A delete that failed may have deleted all the same, and the workspace is started anew.
            if !self.ledger.undeleted.contains(&workspace) {
                return Err(Stop::Broken(("a machine is made once", seen)));
            }
        }
        for (index, machine) in found.iter().enumerate() {
            let workspace = machine.workspace;
            if found[..index]
                .iter()
                .any(|other| other.workspace == workspace)
            {
                let seen = format!("{workspace} has two");
                return Err(Stop::Broken(("a workspace has one machine", seen)));
            }
            let state = self.ledger.workspaces.get(&workspace);
            let is_gone = state.is_none_or(|state| {
                use nexus_events::workspace::Phase;
                matches!(state.phase, Phase::Absent | Phase::Deleted)
            });
            if is_gone {
                let seen = format!("{machine:?}");
                return Err(Stop::Broken((
                    "nothing is left of a deleted workspace",
                    seen,
                )));
            }
        }
        let given_up = self.bus.given_up_after(self.given_up);
        for one in given_up {
            self.given_up += 1;
            let command = &one.command;
            let line = format_args!("{:?} {} {}", command.kind, command.workspace, one.reason);
            self.net.note("q", line);
            let calm_for = now.saturating_sub(self.net.lock().last_loss);
            if let Some(broken) = super::rest::given_up_in_vain(&self.ledger, &one, calm_for, now) {
                return Err(Stop::Broken(broken));
            }
        }
        self.hear()
    }

    pub(super) fn report(self, broken: Option<Broken>) -> Report {
        let lasted_ms = milliseconds(virtually::now());
        let violation = broken.map(|(rule, seen)| Violation {
            rule: rule.to_owned(),
            seen,
            at_ms: milliseconds(virtually::now().saturating_sub(self.begins)),
        });
        let World {
            net,
            processes,
            engines,
            doors,
            ..
        } = self;
        // Whatever still runs speaks over the wires while it ends; it comes after the trace.
        let trace = std::mem::replace(&mut net.lock().trace, Trace::new(false));
        drop((doors, processes, engines));
        let lines = trace.lines();
        let (digest, trace) = trace.finish();
        Report {
            digest,
            lines,
            events: self.ledger.last,
            turns: self.turns,
            lasted_ms,
            operations: self.accepted,
            violation,
            trace,
        }
    }

    fn index(&self, process: Victim) -> usize {
        match process {
            Victim::Worker(index) => index,
            Victim::Replica(index) => self.script.workers + index,
        }
    }

    fn victim(&self, index: usize) -> Victim {
        match index.checked_sub(self.script.workers) {
            None => Victim::Worker(index),
            Some(replica) => Victim::Replica(replica),
        }
    }

    fn engines_process(&mut self) -> &mut Process {
        let last = self.processes.len() - 1;
        &mut self.processes[last]
    }

    fn home(&self, replica: usize) -> PathBuf {
        self.folder.path().join(format!("r{replica}"))
    }
}

/// How set-ups go on a node.
fn set_up(broken: bool) -> SetupScript {
    SetupScript {
        fail: broken.then(|| "clone".parse().ok()).flatten(),
        step_takes: Duration::from_millis(300),
        ..SetupScript::default()
    }
}

/// In memory where there is such a place: nothing of it is to last.
fn folder() -> anyhow::Result<TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::Builder::new()
            .prefix("nexus-sim-")
            .tempdir_in(memory),
        false => tempfile::Builder::new().prefix("nexus-sim-").tempdir(),
    };
    made.context("making a folder for the run")
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
