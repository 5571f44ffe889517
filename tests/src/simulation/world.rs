//! One run: everything put together, and the loop in which everybody takes turns.

mod happen;
mod settle;

use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::Context as _;
use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::commands::RequestContext;
use nexus_control_plane::identity::Identity;
use nexus_events::id::{NodeId, UserId};
use nexus_nats::MemoryBus;
use nexus_nats::memory::Flaws;
use nexus_workers::fake::{FakeEngine, SetupScript};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::chance::Chance;
use super::engines::{self, Machines};
use super::ledger::{Broken, Ledger};
use super::net::{Action, Net};
use super::people::{self, Told};
use super::process::{self, Process};
use super::report::{Report, Violation};
use super::script::{Script, Victim, Weather, What};
use super::servers::{self, Door, Worker};
use super::trace::Trace;
use super::virtually;

/// A run that takes this long on the machine's time is stuck in a loop or a lock.
const LONGEST: Duration = Duration::from_secs(120);
/// So many turns at one moment are a loop that waits for nothing.
const MOST_AT_ONCE: u32 = 20_000;
/// How long the plane and the workers have to come up, before anything goes wrong.
const START: Duration = Duration::from_secs(60);

/// A bug put in on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plant {
    /// None.
    #[default]
    Nothing,
    /// The log takes an append whatever it expects.
    MissingFence,
    /// The queue keeps a command that was acknowledged.
    LostAcknowledgement,
}

impl Plant {
    /// Every bug, by what it is called.
    pub const ALL: [(&'static str, Self); 2] = [
        ("missing-fence", Self::MissingFence),
        ("lost-acknowledgement", Self::LostAcknowledgement),
    ];

    /// What it is called; `nothing` when there is none.
    pub fn name(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, plant)| *plant == self);
        known.map_or("nothing", |(name, _)| name)
    }

    const fn flaws(self) -> Flaws {
        Flaws {
            unfenced: matches!(self, Self::MissingFence),
            loses_acknowledgements: matches!(self, Self::LostAcknowledgement),
        }
    }
}

/// Runs a script on a thread of its own, once in the life of a process.
///
/// # Errors
/// When the run cannot be made; what it shows is in the report.
pub fn simulate(script: Script, plant: Plant, keep_trace: bool) -> anyhow::Result<Report> {
    let run = move || {
        virtually::begin(script.seed);
        anyhow::ensure!(
            virtually::wall().map(|now| now.as_secs())
                == u64::try_from(jiff::Timestamp::now().as_second()).ok(),
            "only the program nexus-sim can simulate: it answers its own system calls"
        );
        let mut world = World::new(script, plant, keep_trace)?;
        let broken = world.play()?;
        Ok(world.report(broken))
    };
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("simulation".into())
        .spawn(move || {
            // Nobody waits any more after the longest time.
            let _ = tell.send(run());
        })
        .context("starting the simulation's thread")?;
    match told.recv_timeout(LONGEST) {
        Ok(report) => report,
        Err(RecvTimeoutError::Timeout) => Ok(Report::hung(LONGEST)),
        Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the simulation panicked"),
    }
}

/// A run as far as it is.
struct World {
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
    fn new(script: Script, plant: Plant, keep_trace: bool) -> anyhow::Result<Self> {
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
    fn play(&mut self) -> anyhow::Result<Option<Broken>> {
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

    /// Starts everybody, makes the users known, and waits until workers can be seen.
    fn come_up(&mut self) -> Result<(), Stop> {
        for replica in 0..self.script.replicas {
            let settings = servers::settings(&self.home(replica));
            std::fs::create_dir_all(&settings.home).context("making a home")?;
            // One key for all, and for all runs: the ids of users follow from it.
            std::fs::write(settings.master_key(), [7; 32]).context("writing the master key")?;
        }
        self.start(Victim::Replica(0))?;
        let app = loop {
            self.step(START)?;
            if let Some(app) = self.doors[0].app().filter(|app| app.has_caught_up()) {
                break app;
            }
        };
        let (tell, mut told) = mpsc::unbounded_channel();
        let registering = async move {
            for user in 0..Script::USERS {
                let context = RequestContext::new(app.now());
                let request = people::registration(user)?;
                let registered = app
                    .commands()
                    .register_user(&Identity::Operator, request, &context)
                    .await?;
                tell.send(registered.value.user_id)?;
            }
            anyhow::Ok(())
        };
        let first = self.index(Victim::Replica(0));
        let runtime = self.processes[first].handle().context("it was started")?;
        runtime.spawn(registering);
        while self.users.len() < Script::USERS {
            self.step(START)?;
            self.users
                .extend(std::iter::from_fn(|| told.try_recv().ok()));
        }
        for replica in 1..self.script.replicas {
            self.start(Victim::Replica(replica))?;
        }
        for worker in 0..self.script.workers {
            self.start(Victim::Worker(worker))?;
        }
        while !self.is_up() {
            self.step(START)?;
        }
        Ok(())
    }

    /// Every control plane knows everything there is, all workers among it.
    fn is_up(&self) -> bool {
        let last = self.ledger.last;
        // Each user and each worker is at least one event.
        last >= (self.script.workers + Script::USERS) as u64
            && self.doors.iter().all(|door| {
                door.app()
                    .is_some_and(|app| app.has_caught_up() && app.queries().sequence() == last)
            })
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
        let (found, twice) = self.machines.look(&self.engines);
        if let Some(seen) = twice {
            return Err(Stop::Broken(("a workspace has one machine", seen)));
        }
        for machine in &found {
            let workspace = machine.workspace;
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

    fn report(self, broken: Option<Broken>) -> Report {
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

    /// Starts a process, for the first time or again.
    fn start(&mut self, process: Victim) -> anyhow::Result<()> {
        let index = self.index(process);
        if self.processes[index].is_up() {
            self.processes[index].crash();
        }
        let bus = self.bus.over(self.net.wire(index));
        let runtime = self.processes[index].start()?;
        self.net
            .note(&self.processes[index].name, format_args!("starts"));
        match process {
            Victim::Replica(replica) => {
                let door = Door::default();
                self.doors[replica] = door.clone();
                let backbone = self.backbone.reached_over(&bus);
                runtime.spawn(servers::replica(self.home(replica), backbone, door));
            }
            Victim::Worker(worker) => {
                let stop = CancellationToken::new();
                self.stops[worker] = stop.clone();
                let place = Worker {
                    node: self.nodes[worker],
                    engine: self.engines[worker].clone(),
                    folder: self.folder.path().join(format!("w{worker}")),
                    address: engines::address(worker),
                    bus,
                };
                runtime.spawn(servers::worker(place, stop));
            }
        }
        Ok(())
    }

    fn crash(&mut self, index: usize) {
        if let Victim::Replica(replica) = self.victim(index) {
            self.doors[replica] = Door::default();
        }
        self.net.lock().links[index].is_dead = true;
        self.net
            .note(&self.processes[index].name, format_args!("crashes"));
        self.processes[index].crash();
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
