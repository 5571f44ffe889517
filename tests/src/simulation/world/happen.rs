//! What happens at a moment: something arrives, somebody asks, something goes wrong.

use std::time::Duration;

use nexus_events::workspace::MachineExit;
use nexus_workers::fake::Reaction;

use super::{Stop, World, set_up};
use crate::simulation::net::{Action, Link};
use crate::simulation::people::{self, Told};
use crate::simulation::script::{Entry, Fault, Victim, What, When};
use crate::simulation::virtually;

/// Before somebody asks again who got no answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How often they do.
const ASKS: usize = 4;
/// A process that makes no calls crashes after this long all the same.
const CRASH_AT_LAST: Duration = Duration::from_secs(4);

impl World {
    pub(super) fn happen(&mut self, action: Action) -> Result<(), Stop> {
        match action {
            Action::Effect(effect) => effect(),
            Action::Answer(tell, answer) => {
                // Whoever asked may have gone.
                let _ = tell.send(answer);
            }
            Action::Entry(index, Entry { what, .. }) => match what {
                What::Ask { .. } => self.ask(index, what, 0),
                What::Fault(fault) => self.fault(fault),
            },
            Action::AskAgain(index, Entry { what, .. }, times) => self.ask(index, what, times),
            Action::Crash(process, life) => {
                let is_due = {
                    let link = &self.net.lock().links[process];
                    link.lives == life && !link.is_dead
                };
                if is_due {
                    self.crash(process);
                }
            }
            Action::Restart(process) => {
                let victim = self.victim(process);
                self.start(victim)?;
            }
        }
        Ok(())
    }

    /// Somebody asks, at another control plane when the first gave no answer.
    fn ask(&mut self, index: usize, what: What, times: usize) {
        let What::Ask {
            user,
            ask,
            name,
            replica,
        } = what
        else {
            return;
        };
        let replica = (replica + times) % self.script.replicas;
        let at = self.index(Victim::Replica(replica));
        let who = format!("u{user}");
        let (app, runtime) = (self.doors[replica].app(), self.processes[at].handle());
        let (Some(app), Some(runtime)) = (app, runtime) else {
            self.net
                .note(&who, format_args!("{what}: r{replica} does not answer"));
            return self.ask_again(index, what, times);
        };
        self.net.note(&who, format_args!("{what}, at r{replica}"));
        let (identity, key) = (people::somebody(self.users[user]), format!("ask-{index}"));
        let tell = self.tell.clone();
        runtime.spawn(async move {
            let told = people::ask(app, identity, ask, name, key).await;
            // Nobody listens at the end.
            let _ = tell.send((index, what, times, told));
        });
    }

    fn ask_again(&mut self, index: usize, what: What, times: usize) {
        if times >= ASKS {
            return;
        }
        let at = virtually::now() + ASK_AGAIN;
        let entry = Entry { at, what };
        let again = Action::AskAgain(index, entry, times + 1);
        self.net.lock().plan(at, again);
    }

    /// Takes what people were told since the last look.
    pub(super) fn hear(&mut self) -> Result<(), Stop> {
        while let Ok((index, what, times, told)) = self.told.try_recv() {
            self.net.note("u", format_args!("{what}: {told:?}"));
            match told {
                Told::Accepted(Some(operation)) => {
                    self.accepted += 1;
                    if !self.ledger.operations.contains_key(&operation) {
                        let seen = format!("{what}: {operation} is not in the log");
                        return Err(Stop::Broken(("what is accepted is stored", seen)));
                    }
                }
                Told::Accepted(None) | Told::Refused(_) => {}
                Told::InDoubt(_) => self.ask_again(index, what, times),
            }
        }
        Ok(())
    }

    fn link(&self, who: Victim, change: impl FnOnce(&mut Link)) {
        change(&mut self.net.lock().links[self.index(who)]);
    }

    fn fault(&mut self, fault: Fault) {
        self.net.note("!", format_args!("{fault}"));
        let now = virtually::now();
        match fault {
            Fault::Crash(who, after, time) => {
                let process = self.index(who);
                let mut net = self.net.lock();
                let link = &mut net.links[process];
                if link.is_dead {
                    return;
                }
                link.calls_left = Some(after);
                let life = link.lives;
                net.plan(now + CRASH_AT_LAST, Action::Crash(process, life));
                net.plan(now + CRASH_AT_LAST + time, Action::Restart(process));
            }
            Fault::Leave(worker, time) => {
                self.stops[worker].cancel();
                let restart = Action::Restart(worker);
                self.net.lock().plan(now + time, restart);
            }
            Fault::Cut(who, time) => self.link(who, |link| link.cut_until = now + time),
            Fault::Deafen(who, time) => self.link(who, |link| link.deaf_until = now + time),
            Fault::Mute(worker, time) => {
                self.link(Victim::Worker(worker), |link| link.mute_until = now + time);
            }
            Fault::Slow(who, time) => self.link(who, |link| link.slow_until = now + time),
            Fault::Pause(who, time) => {
                let process = self.index(who);
                self.processes[process].paused_until = now + time;
            }
            Fault::Clock(who, by) => {
                let process = self.index(who);
                self.processes[process].skew = by;
            }
            Fault::Again => self.bus.deliver_again(),
            Fault::Fail(worker, call, class, when) => {
                let reaction = match when {
                    When::Before => Reaction::Fail(class),
                    When::After => Reaction::FailAfterEffect(class),
                };
                self.engines[worker].script(call, reaction);
            }
            Fault::Hang(worker, call, when) => {
                let reaction = match when {
                    When::Before => Reaction::Hang,
                    When::After => Reaction::HangAfterEffect,
                };
                self.engines[worker].script(call, reaction);
            }
            Fault::BreakSetUp(worker, broken) => {
                self.engines[worker].script_setup(set_up(broken));
            }
            Fault::Exit(user, name) => {
                let (owner, name) = (self.users[user], people::workspace_name(name));
                if let Some((workspace, _)) = self.ledger.named(owner, &name) {
                    let exit = MachineExit {
                        code: Some(137),
                        out_of_memory: true,
                        cause: "as the script has it".into(),
                    };
                    for engine in &self.engines {
                        engine.crash(workspace, exit.clone());
                    }
                }
            }
        }
    }
}
