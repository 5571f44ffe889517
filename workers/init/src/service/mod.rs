//! Services: started in order, watched, started again, stopped.
//!
//! Each service has a task that owns it from waiting for its dependencies to its end, and a phase that
//! others may watch. Nobody but that task changes the phase:
//!
//! ```text
//! Waiting ─▶ Starting ─▶ Healthy ⇄ Unhealthy
//!    │           │  ▲        │         │
//!    │           ▼  │        ▼         ▼
//!    │        Restarting ◀── (exit) ───┘
//!    ▼           ▼
//!  Failed     Failed, Completed          Stopped from anywhere, on request
//! ```

mod health;
pub(crate) mod order;
mod supervise;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_init_protocol::{ServicePhase, ServiceSpec, ServiceState};
use tokio::sync::watch;

use crate::context::Context;
use crate::sync::Lock;
use crate::workspace::Workspace;

/// All services of the plan in force.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    current: Mutex<Fleet>,
}

#[derive(Debug, Default)]
struct Fleet {
    specs: Vec<ServiceSpec>,
    context: Option<Arc<Context>>,
    entries: Vec<Arc<Entry>>,
}

/// One service as others see it.
#[derive(Debug)]
struct Entry {
    name: String,
    port: Option<u16>,
    restarts: AtomicU32,
    process_id: Mutex<Option<u32>>,
    phase: watch::Sender<ServicePhase>,
    stop: watch::Sender<Option<Duration>>,
}

impl Entry {
    fn new(spec: &ServiceSpec) -> Arc<Self> {
        let (phase, _) = watch::channel(ServicePhase::Waiting);
        let (stop, _) = watch::channel(None);
        Arc::new(Self {
            name: spec.name.clone(),
            port: spec.port,
            restarts: AtomicU32::new(0),
            process_id: Mutex::new(None),
            phase,
            stop,
        })
    }

    fn state(&self) -> ServiceState {
        ServiceState {
            name: self.name.clone(),
            port: self.port,
            phase: self.phase.borrow().clone(),
            restarts: self.restarts.load(Relaxed),
            process_id: *self.process_id.hold(),
        }
    }
}

/// Whether a service has come to a phase where its start-up is over.
fn is_settled(phase: &ServicePhase) -> bool {
    match phase {
        ServicePhase::Waiting | ServicePhase::Starting | ServicePhase::Restarting => false,
        ServicePhase::Healthy
        | ServicePhase::Unhealthy { .. }
        | ServicePhase::Completed
        | ServicePhase::Failed { .. }
        | ServicePhase::Stopped => true,
    }
}

/// Whether a service is as it should be.
fn is_well(phase: &ServicePhase) -> bool {
    matches!(phase, ServicePhase::Healthy | ServicePhase::Completed)
}

impl Supervisor {
    /// Every service, in the order of their start.
    pub(crate) fn states(&self) -> Vec<ServiceState> {
        self.current
            .hold()
            .entries
            .iter()
            .map(|entry| entry.state())
            .collect()
    }

    /// Starts these services, already in order, in place of those there were. The same services in
    /// the same context, all well, are left alone.
    pub(crate) async fn start(&self, workspace: &Arc<Workspace>, specs: Vec<ServiceSpec>) {
        let context = workspace.context();
        if self.runs_well(&specs, &context) {
            return;
        }
        self.stop_all(Duration::from_secs(10)).await;
        let entries: Vec<Arc<Entry>> = specs.iter().map(Entry::new).collect();
        let phases: HashMap<String, watch::Receiver<ServicePhase>> = entries
            .iter()
            .map(|entry| (entry.name.clone(), entry.phase.subscribe()))
            .collect();
        for (spec, entry) in specs.iter().zip(&entries) {
            let dependencies = spec.depends_on.iter();
            let dependencies = dependencies
                .filter_map(|name| Some((name.clone(), phases.get(name)?.clone())))
                .collect();
            supervise::spawn(workspace.clone(), entry.clone(), spec.clone(), dependencies);
        }
        *self.current.hold() = Fleet {
            specs,
            context: Some(context),
            entries,
        };
    }

    fn runs_well(&self, specs: &[ServiceSpec], context: &Arc<Context>) -> bool {
        let current = self.current.hold();
        let is_same = current.specs == specs && current.context.as_ref() == Some(context);
        is_same
            && current
                .entries
                .iter()
                .all(|entry| is_well(&entry.phase.borrow()))
    }

    /// Waits until the start-up of every service is over; the names of those that are not well.
    pub(crate) async fn settled(&self) -> Vec<String> {
        let entries = self.current.hold().entries.clone();
        let mut failed = Vec::new();
        for entry in entries {
            let mut phase = entry.phase.subscribe();
            let is_fine = match phase.wait_for(is_settled).await {
                Ok(phase) => is_well(&phase),
                Err(_) => false,
            };
            if !is_fine {
                failed.push(entry.name.clone());
            }
        }
        failed
    }

    /// Stops every service, all at once; each has its own grace, at most `grace`.
    pub(crate) async fn stop_all(&self, grace: Duration) {
        let entries = self.current.hold().entries.clone();
        for entry in &entries {
            entry.stop.send_replace(Some(grace));
        }
        for entry in entries {
            let mut phase = entry.phase.subscribe();
            let is_down = |phase: &ServicePhase| {
                matches!(
                    phase,
                    ServicePhase::Stopped | ServicePhase::Completed | ServicePhase::Failed { .. }
                )
            };
            let _task_is_gone = phase.wait_for(is_down).await;
        }
    }
}
