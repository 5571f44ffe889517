//! The end: what went wrong is over, what failed is deleted, and everything comes to rest.

use std::time::Duration;

use nexus_control_plane::projections::{digest, rebuild};
use nexus_control_plane::threads::Threads;
use nexus_events::workspace::Phase;
use tokio::sync::oneshot;

use super::{Stop, World};
use crate::simulation::ledger::Broken;
use crate::simulation::net::Action;
use crate::simulation::people;
use crate::simulation::process::Process;
use crate::simulation::rest::restless;
use crate::simulation::script::{Ask, Entry, Name, What};
use crate::simulation::servers;
use crate::simulation::virtually;

/// Within this everything comes to rest: the longest deadline, a lost node, an orphaned claim.
const LONGEST: Duration = Duration::from_secs(300);
/// Rest is rest when it lasts.
const LASTS: Duration = Duration::from_secs(8);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

impl World {
    /// Waits for rest, has what failed deleted, waits for rest again, and compares the projections.
    pub(super) fn settle(&mut self) -> Result<(), Stop> {
        for process in &mut self.processes {
            process.skew = 0;
        }
        for engine in &self.engines {
            engine.forget_script();
            engine.script_setup(super::set_up(false));
        }
        self.rest()?;
        self.clear_up()?;
        self.rest()?;
        self.compare()
    }

    fn rest(&mut self) -> Result<(), Stop> {
        let limit = virtually::now() + LONGEST;
        let mut since = None;
        loop {
            let now = virtually::now();
            self.run_until(now + LOOK)?;
            let (found, _) = self.machines.look(&self.engines);
            let restless = restless(&self.ledger, &self.bus, &found, &self.nodes);
            match restless.and_then(|()| self.all_is_projected()) {
                Ok(()) => {
                    let since = *since.get_or_insert(now);
                    if now >= since + LASTS {
                        return Ok(());
                    }
                }
                Err(broken) if virtually::now() >= limit => return Err(Stop::Broken(broken)),
                Err(_) => since = None,
            }
        }
    }

    fn all_is_projected(&self) -> Result<(), Broken> {
        for (replica, door) in self.doors.iter().enumerate() {
            let Some(app) = door.app() else {
                return Err(("every control plane comes back", format!("r{replica}")));
            };
            if let Some(alarm) = app.alarm() {
                return Err(("projecting goes on", format!("r{replica}: {alarm}")));
            }
            let (known, last) = (app.queries().sequence(), self.ledger.last);
            if known != last {
                let seen = format!("r{replica} knows {known} of {last} events");
                return Err(("projecting goes on", seen));
            }
        }
        Ok(())
    }

    /// Whoever has a workspace that failed deletes it.
    fn clear_up(&mut self) -> Result<(), Stop> {
        let mut asked = Vec::new();
        for (user, owner) in self.users.clone().into_iter().enumerate() {
            for name in [Name::App, Name::Lab, Name::Web] {
                let named = self.ledger.named(owner, &people::workspace_name(name));
                if let Some((workspace, state)) = named
                    && state.phase == Phase::Failed
                {
                    asked.push((user, name, workspace));
                }
            }
        }
        for (number, (user, name, _)) in asked.iter().enumerate() {
            let at = virtually::now();
            let what = What::Ask {
                user: *user,
                ask: Ask::Delete,
                name: *name,
                replica: 0,
            };
            let index = self.script.entries.len() + number;
            let action = Action::Entry(index, Entry { at, what });
            self.net.lock().plan(at, action);
        }
        self.run_until(virtually::now() + Duration::from_secs(2))?;
        self.rest()?;
        for (_, _, workspace) in asked {
            let phase = self.ledger.workspaces.get(&workspace).map(|it| it.phase);
            if phase != Some(Phase::Deleted) {
                let seen = format!("{workspace} is {phase:?}");
                return Err(Stop::Broken(("what failed can be deleted", seen)));
            }
        }
        Ok(())
    }

    /// Every projection is the fold of the log, and so is one made anew.
    fn compare(&mut self) -> Result<(), Stop> {
        let file = self.folder.path().join("anew");
        let mut auditor = Process::new("auditor".into());
        let runtime = auditor.start()?;
        let (tell, mut told) = oneshot::channel();
        let log = self.bus.log();
        runtime.spawn(async move {
            let rebuilt = rebuild::rebuild_on(Threads::One, &log, &file).await;
            // Nobody waits when the run is over.
            let _ = tell.send(rebuilt.map(|rebuilt| rebuilt.file));
        });
        let rebuilt = loop {
            auditor.take_turn();
            if let Ok(rebuilt) = told.try_recv() {
                break rebuilt.map_err(anyhow::Error::from)?;
            }
            let Some(next) = auditor.wants_turn_at() else {
                let seen = "the log cannot be folded anew".to_owned();
                return Err(Stop::Broken(("a projection can be made anew", seen)));
            };
            virtually::advance_to(next);
        };
        let anew = digest::of_file(&rebuilt).map_err(anyhow::Error::from)?;
        for replica in 0..self.script.replicas {
            let file = servers::settings(&self.home(replica)).read_model();
            let live = digest::of_file(&file).map_err(anyhow::Error::from)?;
            if live != anew {
                let seen = format!("r{replica}: {live}, made anew: {anew}");
                return Err(Stop::Broken(("every projection is the log's fold", seen)));
            }
        }
        Ok(())
    }
}
