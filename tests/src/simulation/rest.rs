//! What must be so once everything that went wrong is over and time has gone on.

use std::collections::{BTreeMap, BTreeSet};

use nexus_events::claim::{ClaimId, Holder};
use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::workspace::Phase;
use nexus_nats::MemoryBus;
use nexus_nats::memory::GivenUp;

use super::engines::Found;
use super::ledger::{Broken, End, Ledger};

/// Everything that is not at rest; nothing when all is.
pub(super) fn restless(
    ledger: &Ledger,
    bus: &MemoryBus,
    machines: &[Found],
    nodes: &[NodeId],
) -> Result<(), Broken> {
    if let Some((workspace, state)) = ledger.in_flight().next() {
        let operation = state.operation.as_ref();
        let seen = format!("{workspace} is {:?}: {operation:?}", state.phase);
        return Err(("nothing stays stuck", seen));
    }
    if let Some(command) = bus.open_commands().first() {
        let seen = format!("{:?} of {} is queued", command.kind, command.workspace);
        return Err(("no command stays in the queue", seen));
    }
    machines_are_wanted(ledger, machines, nodes)?;
    claims_are_held(ledger)
}

/// The machines of the engines are those the log wants, on the node it names.
fn machines_are_wanted(
    ledger: &Ledger,
    machines: &[Found],
    nodes: &[NodeId],
) -> Result<(), Broken> {
    let running: BTreeMap<WorkspaceId, NodeId> = machines
        .iter()
        .filter(|machine| machine.running)
        .map(|machine| (machine.workspace, nodes[machine.node]))
        .collect();
    for (workspace, state) in &ledger.workspaces {
        let found = running.get(workspace).copied();
        let is_right = match state.phase {
            Phase::Running => found.is_some() && found == state.node,
            Phase::Stopped | Phase::Deleted | Phase::Absent => found.is_none(),
            // What failed half-way is as it is, and says so.
            Phase::Failed
            | Phase::Requested
            | Phase::Provisioning
            | Phase::Starting
            | Phase::Stopping
            | Phase::Deleting => true,
        };
        if !is_right {
            let seen = format!(
                "{workspace} is {:?} on {:?}, its machine runs on {found:?}",
                state.phase, state.node
            );
            return Err(("machines are as the log says", seen));
        }
    }
    Ok(())
}

/// Names and ports are held for workspaces that are there, keys for who has them, and none else.
fn claims_are_held(ledger: &Ledger) -> Result<(), Broken> {
    let mut wanted = ledger.keys.clone();
    for (workspace, state) in &ledger.workspaces {
        let Some(definition) = state.definition.as_ref() else {
            continue;
        };
        if state.phase == Phase::Deleted {
            continue;
        }
        let name = ClaimId::Name {
            owner: definition.owner,
            name: definition.name.clone(),
        };
        let port = definition.ssh_port.map(ClaimId::Port);
        for claim in [Some(name), port].into_iter().flatten() {
            wanted.insert((claim, Holder::from(*workspace)));
        }
    }
    let held: BTreeSet<_> = ledger
        .claims
        .iter()
        .filter_map(|(claim, holder)| holder.map(|holder| (claim.clone(), holder)))
        .collect();
    match held == wanted {
        true => Ok(()),
        false => {
            let seen = format!("held: {held:?}, wanted: {wanted:?}");
            Err(("claims are held for what is there", seen))
        }
    }
}

/// A command is given up although a worker told its outcome long before, and nothing got lost since.
pub(super) fn given_up_in_vain(
    ledger: &Ledger,
    given_up: &GivenUp,
    calm_for: std::time::Duration,
    now: std::time::Duration,
) -> Option<Broken> {
    let accepted = ledger.operations.get(&given_up.command.operation)?;
    let (End::Succeeded, ended) = accepted.end? else {
        return None;
    };
    // One delivery and its acknowledgement fit in well.
    let enough = std::time::Duration::from_secs(12);
    let is_in_vain = now.saturating_sub(ended) > enough && calm_for > enough;
    is_in_vain.then(|| {
        let seen = format!(
            "{:?} of {}: {}",
            given_up.command.kind, given_up.command.workspace, given_up.reason
        );
        ("what is done is acknowledged", seen)
    })
}
