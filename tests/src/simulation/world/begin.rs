//! Starting: everybody for the first time, and whoever crashed or left, again.

use std::time::Duration;

use anyhow::Context as _;
use nexus_control_plane::commands::RequestContext;
use nexus_control_plane::identity::Identity;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Stop, World};
use crate::simulation::engines;
use crate::simulation::people;
use crate::simulation::script::{Script, Victim};
use crate::simulation::servers::{self, Door, Worker};

/// How long the plane and the workers have to come up, before anything goes wrong.
const START: Duration = Duration::from_secs(60);

impl World {
    /// Starts everybody, makes the users known, and waits until workers can be seen.
    pub(super) fn come_up(&mut self) -> Result<(), Stop> {
        for replica in 0..self.script.replicas {
            let settings = servers::settings(&self.home(replica));
            std::fs::create_dir_all(&settings.home).context("making a home")?;
            std::fs::create_dir_all(&settings.keys).context("making a folder for keys")?;
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

    /// Starts a process, for the first time or again.
    pub(super) fn start(&mut self, process: Victim) -> anyhow::Result<()> {
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

    pub(super) fn crash(&mut self, index: usize) {
        if let Victim::Replica(replica) = self.victim(index) {
            self.doors[replica] = Door::default();
        }
        self.net.lock().links[index].is_dead = true;
        self.net
            .note(&self.processes[index].name, format_args!("crashes"));
        self.processes[index].crash();
    }
}
