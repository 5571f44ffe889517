//! The engines of the nodes, and the inits of their machines: they outlive every worker.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use nexus_events::id::WorkspaceId;
use nexus_workers::fake::{Call, FakeEngine, Takes};
use tokio::runtime::Handle;

use super::chance::Chance;
use super::net::Net;

/// An engine of the node `node`, whose worker is the process `process`.
pub(super) fn engine(
    home: &Handle,
    folder: &Path,
    net: &Net,
    process: usize,
    seed: u64,
) -> FakeEngine {
    let _home = home.enter();
    let engine = FakeEngine::in_folder(folder);
    let (net, mut chance) = (net.clone(), Chance::of(seed, 100 + process as u64));
    engine.pace(move |call, workspace| pace(&net, process, &mut chance, call, workspace));
    engine
}

/// How long a call takes; it counts among the calls at which a worker can be made to crash.
fn pace(
    net: &Net,
    process: usize,
    chance: &mut Chance,
    call: Call,
    workspace: WorkspaceId,
) -> Takes {
    let mut state = net.lock();
    state.count_call(process);
    if call == Call::Observe {
        return (Duration::from_millis(1), Duration::ZERO);
    }
    let mut time = || Duration::from_millis(chance.between(1, 900));
    let takes = (time(), time());
    let who = format!("e{process}");
    state
        .trace
        .note(&who, format_args!("{call:?} {workspace} {takes:?}"));
    takes
}

/// An address of this machine nobody else uses: ports are bound for real, and many simulations may
/// run side by side.
pub(super) fn address(worker: usize) -> IpAddr {
    let process = std::process::id().to_be_bytes();
    let [_, high, middle, low] = process;
    // 127.64.0.0/10: 22 bits, of which the node takes the last 3.
    let host = (u32::from(high) << 16 | u32::from(middle) << 8 | u32::from(low)) << 3;
    let node = u32::try_from(worker & 7).unwrap_or(0);
    let address = 0x7f40_0000 | (host & 0x003f_fff8) | node;
    IpAddr::V4(Ipv4Addr::from_bits(address))
}

/// Every machine of every engine.
#[derive(Debug, Default)]
pub(super) struct Machines {
    /// The handles a workspace's machines ever had, with their node.
    made: BTreeMap<WorkspaceId, Vec<(usize, String)>>,
}

/// A machine as an engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) node: usize,
    pub(super) workspace: WorkspaceId,
    pub(super) running: bool,
}

impl Machines {
    /// What there is now, and the workspaces for which another machine was made since the last look.
    pub(super) fn look(
        &mut self,
        engines: &[FakeEngine],
    ) -> (Vec<Found>, Vec<(WorkspaceId, String)>) {
        let (mut found, mut again) = (Vec::new(), Vec::new());
        for (node, engine) in engines.iter().enumerate() {
            for machine in engine.machines() {
                let workspace = machine.workspace;
                let made = self.made.entry(workspace).or_default();
                let this = (node, machine.handle);
                if !made.contains(&this) {
                    made.push(this);
                    if made.len() > 1 {
                        again.push((workspace, format!("machines of {workspace}: {made:?}")));
                    }
                }
                found.push(Found {
                    node,
                    workspace,
                    running: machine.running,
                });
            }
        }
        (found, again)
    }
}
