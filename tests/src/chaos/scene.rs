//! The programs, what goes on among them, and the faults that come over them at their moments.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use nexus_events::id::WorkspaceId;
use rustix::process::Signal;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fault::{Fault, Poison, Target};
use super::lives::{Caller, Ledger, live};
use super::plan::{Moment, PLANES};
use super::proxy::Weather;
use super::run::say;
use crate::docker::Engine;
use crate::replicas::Replicas;
use crate::repository;

/// Everything of a run.
pub(super) struct Scene {
    pub(super) replicas: Replicas,
    pub(super) engine: Option<Engine>,
    pub(super) caller: Caller,
    pub(super) ledger: Ledger,
    pub(super) lives: JoinSet<anyhow::Result<usize>>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) faults: BTreeMap<&'static str, usize>,
    /// What is to be undone, and when.
    pub(super) undo: Vec<(Instant, Undo)>,
}

/// The end of a fault.
#[derive(Debug, Clone, Copy)]
pub(super) enum Undo {
    Start(Target),
    Continue(Target),
    Calm(Target),
    Empty(Target),
}

impl Scene {
    pub(super) async fn set(
        replicas: Replicas,
        engine: Option<Engine>,
        seed: u64,
        count: usize,
    ) -> anyhow::Result<Self> {
        let config =
            "services:\n  web:\n    command: exec python3 -m http.server 3000\n    port: 3000\n";
        let url =
            repository::make(replicas.home(), "web", &[(".nexus/config.yaml", config)]).await?;
        let repository = json!({ "owner": "local", "name": "web", "url": url });
        let ledger = Ledger::default();
        let clients = (0..PLANES)
            .map(|number| replicas.client(number))
            .collect::<anyhow::Result<_>>()?;
        let caller = Caller::new(clients, ledger.clone());
        let (stop, told) = watch::channel(false);
        let mut lives = JoinSet::new();
        for number in 0..count {
            // Every fourth in a container, every other one with a repository and a service.
            let provider = match (&engine, number % 4) {
                (Some(_), 3) => "docker",
                _ => "process",
            };
            let mut spec = json!({ "provider": provider });
            if number % 2 == 0 {
                spec["repository"] = repository.clone();
            }
            lives.spawn(live(caller.clone(), number, seed, spec, told.clone()));
        }
        Ok(Self {
            replicas,
            engine,
            caller,
            ledger,
            lives,
            stop,
            faults: BTreeMap::new(),
            undo: Vec::new(),
        })
    }

    /// Has every fault come at its moment, and ends with all of them undone.
    pub(super) async fn strike(
        &mut self,
        moments: &[Moment],
        began: Instant,
        at_most: Option<Duration>,
    ) -> anyhow::Result<()> {
        for moment in moments {
            if at_most.is_some_and(|at_most| began.elapsed() > at_most) {
                break;
            }
            self.undo_until(Instant::now() + moment.after).await?;
            self.keep_running()?;
            let fault = self.aim(moment.fault).await?;
            say(&fault.to_string());
            self.fault(fault).await.with_context(|| fault.to_string())?;
            *self.faults.entry(fault.kind()).or_default() += 1;
        }
        let last = self.undo.iter().map(|(at, _)| *at).max();
        self.undo_until(last.unwrap_or_else(Instant::now)).await?;
        self.keep_running()
    }

    /// Whatever ended by itself (it found no log in time) is started again, as whoever keeps it
    /// would; what was killed waits for its moment.
    pub(super) fn keep_running(&mut self) -> anyhow::Result<()> {
        let killed = |target| {
            let awaited = |undo: &Undo| matches!(undo, Undo::Start(other) if *other == target);
            self.undo.iter().any(|(_, undo)| awaited(undo))
        };
        let servers = (0..self.replicas.servers().count()).map(Target::Server);
        let mut all: Vec<Target> = servers.collect();
        all.extend(self.replicas.members().map(|(target, _)| target));
        for target in all {
            if !killed(target) {
                self.replicas.run(target)?;
            }
        }
        Ok(())
    }

    /// Does `work`, and meanwhile starts again whatever ends by itself.
    pub(super) async fn kept_running<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(Duration::from_millis(500)) => self.keep_running()?,
            }
        }
    }

    /// Waits until `then`, undoing what is due.
    pub(super) async fn undo_until(&mut self, then: Instant) -> anyhow::Result<()> {
        self.undo.sort_by_key(|(at, _)| *at);
        while self.undo.first().is_some_and(|(at, _)| *at <= then) {
            let (at, undo) = self.undo.remove(0);
            tokio::time::sleep_until(at).await;
            match undo {
                Undo::Start(target) => self.replicas.run(target)?,
                Undo::Continue(target) => self.replicas.signal(target, Signal::CONT)?,
                Undo::Calm(target) => self.replicas.weather(target, Weather::Fair)?,
                Undo::Empty(target) => self.replicas.empty(target).await?,
            }
        }
        tokio::time::sleep_until(then).await;
        Ok(())
    }

    fn later(&mut self, after: Duration, undo: Undo) {
        self.undo.push((Instant::now() + after, undo));
    }

    async fn fault(&mut self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Kill(target, pause) => {
                self.replicas.kill(target).await?;
                self.later(pause, Undo::Start(target));
            }
            Fault::Pause(target, pause) => {
                self.replicas.signal(target, Signal::STOP)?;
                self.later(pause, Undo::Continue(target));
            }
            Fault::Network(target, weather, pause) => {
                self.replicas.weather(target, weather)?;
                self.later(pause, Undo::Calm(target));
            }
            Fault::Skew(target, seconds) => {
                let program = &mut self.replicas.member(target)?.program;
                program.kill().await?;
                program.skew(seconds);
                program.start()?;
            }
            // What is full already stays so for as long as it was to be.
            Fault::Fill(target, pause) => {
                if self.replicas.fill(target)? {
                    self.later(pause, Undo::Empty(target));
                }
            }
            Fault::Poison(poison) => self.poison(poison).await?,
        }
        Ok(())
    }

    /// Publishes nonsense, as often as the log's server lets us in the next ten seconds.
    async fn poison(&self, poison: Poison) -> anyhow::Result<()> {
        let living = self.ledger.accepted().into_values().last();
        let nobody = WorkspaceId::from_uuid(uuid::Uuid::now_v7());
        let subject = match (poison, living) {
            (Poison::EventOfTheLiving, Some(workspace)) => {
                format!("nexus.evt.workspace.{workspace}")
            }
            (Poison::EventOfTheLiving, None) | (Poison::EventOfNobody, _) => {
                format!("nexus.evt.workspace.{nobody}")
            }
            (Poison::Command, _) => format!("nexus.cmd.process.any.{nobody}"),
        };
        let bus = self.replicas.bus();
        if let Ok(Ok(bus)) = tokio::time::timeout(Duration::from_secs(10), bus).await {
            // The server may be down at the moment: then nobody is poisoned.
            let _ = nexus_nats::testing::publish_raw(&bus, &subject, b"{ no event").await;
            bus.drain().await;
        }
        Ok(())
    }
}
