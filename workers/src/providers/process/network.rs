//! How workspaces reach the world when root makes them: a link of their own to this host each, and
//! address translation for all of them together.
//!
//! ```text
//!   workspace  eth0 10.213.0.2/30 ──veth── nexus… 10.213.0.1/30  host ──NAT── the world
//! ```
//!
//! The addresses belong to the host and not to one worker, so the slots are handed out below `/run`
//! under a lock, to every Nexus of this host alike. The first workspace of a range brings
//! forwarding and the rules, the last one takes away what the first brought. Rules are looked for
//! at every start, because a firewall that is loaded anew, or a reboot, drops them.

mod firewall;
mod forwarding;
mod link;
mod range;
mod resolver;
mod routes;
mod slots;

use std::fs;
use std::path::{Path, PathBuf};

pub(super) use self::firewall::is_possible;
pub(super) use self::link::name as link_name;
pub use self::range::{InvalidRange, Link, Range};
pub(super) use self::resolver::{SLIRP_RESOLVER, host_resolver};
use self::slots::Slots;
use super::failure::{at, from_io};
use super::lock::Lock;
use crate::provider::{ErrorClass, ProviderError, Result};

/// What this host keeps of handed-out slots; emptied by a reboot, as the links are.
const REGISTRY: &str = "/run/nexus/process-network";

/// The network of all workspaces of one range on this host.
#[derive(Debug, Clone)]
pub(super) struct Network {
    configured: Option<Range>,
    registry: PathBuf,
}

impl Network {
    /// In the configured range, else in the first usual one that nothing else here uses.
    pub(super) fn new(configured: Option<Range>) -> Self {
        Self {
            configured,
            registry: PathBuf::from(REGISTRY),
        }
    }

    /// Gives `holder` a slot, the one it has when it has one, with rules and forwarding in force.
    pub(super) fn join(&self, holder: &Path) -> Result<Link> {
        fs::create_dir_all(&self.registry).map_err(at("making", &self.registry))?;
        let _lock = self.lock()?;
        let range = self.range()?;
        let slots = Slots::open(&self.registry.join(range.label())).map_err(failed("reading"))?;
        let slot = slots
            .take(holder, range.slots())
            .map_err(failed("taking"))?
            .ok_or_else(|| {
                let cause = format!("all {} networks of {range} are taken", range.slots());
                ProviderError::new(
                    ErrorClass::Capacity,
                    "giving the workspace a network",
                    cause,
                )
                .with_hint("stop a workspace, or set NEXUS_PROCESS_NETWORK to a larger range")
            })?;
        let link = range
            .link(slot)
            .expect("slots are taken below the range's own count");
        match enforce(range, &self.registry) {
            Ok(()) => Ok(link),
            Err(error) => {
                slots.release(holder).map_err(failed("releasing"))?;
                Err(error)
            }
        }
    }

    /// Takes back what `holder` has, and after the last one rules and forwarding too. Nothing to
    /// take back is success.
    pub(super) fn leave(&self, holder: &Path) -> Result<()> {
        // Only root hands out any.
        if !rustix::process::geteuid().is_root() || !self.registry.exists() {
            return Ok(());
        }
        let _lock = self.lock()?;
        for (range, folder) in self.ranges_in_use()? {
            let slots = Slots::open(&folder).map_err(failed("reading"))?;
            for slot in slots.release(holder).map_err(failed("releasing"))? {
                remove_link(range, slot)?;
            }
            if slots.is_empty().map_err(failed("reading"))? {
                firewall::remove(range)?;
                fs::remove_dir_all(&folder).map_err(at("removing", &folder))?;
            }
        }
        match self.ranges_in_use()?.is_empty() {
            true => forwarding::restore(&self.registry).map_err(failed("ending forwarding for")),
            false => Ok(()),
        }
    }

    fn lock(&self) -> Result<Lock> {
        Lock::take(&self.registry.join("lock")).map_err(failed("locking"))
    }

    /// A range in use stays in use, so that one host has one set of rules if it can.
    fn range(&self) -> Result<Range> {
        if let Some(range) = self.configured {
            return refuse_clash(range);
        }
        let in_use = self.ranges_in_use()?;
        let usual = Range::USUAL.into_iter();
        let mut candidates = usual
            .clone()
            .filter(|range| in_use.iter().any(|(r, _)| r == range));
        if let Some(range) = candidates.next() {
            return Ok(range);
        }
        let mut refusal = None;
        for range in usual {
            match refuse_clash(range) {
                Ok(range) => return Ok(range),
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.expect("there are usual ranges, and each that was refused left an error"))
    }

    fn ranges_in_use(&self) -> Result<Vec<(Range, PathBuf)>> {
        let entries = fs::read_dir(&self.registry).map_err(at("reading", &self.registry))?;
        let folders = entries.flatten().filter(|entry| entry.path().is_dir());
        let ranges = folders.filter_map(|entry| {
            let label = entry.file_name().into_string().ok()?;
            let range = label.rsplit_once('-')?;
            Some((
                format!("{}/{}", range.0, range.1).parse().ok()?,
                entry.path(),
            ))
        });
        Ok(ranges.collect())
    }
}

fn enforce(range: Range, registry: &Path) -> Result<()> {
    forwarding::enable(registry).map_err(failed("forwarding for"))?;
    firewall::ensure(range)
}

fn remove_link(range: Range, slot: u32) -> Result<()> {
    let removed = range
        .link(slot)
        .map_or(Ok(()), |link| link::remove(link.host));
    removed.map_err(|error| from_io("removing a workspace's link", error))
}

fn refuse_clash(range: Range) -> Result<Range> {
    let is_ours = |interface: &str| interface.starts_with(link::PREFIX);
    match routes::clash(range, is_ours).map_err(|error| from_io("reading the routes", error))? {
        None => Ok(range),
        Some(interface) => {
            let cause = format!("{range} overlaps a network of this machine, on {interface}");
            Err(
                ProviderError::new(ErrorClass::Invalid, "giving the workspace a network", cause)
                    .with_hint("set NEXUS_PROCESS_NETWORK to a private range that is free here"),
            )
        }
    }
}

fn failed(verb: &'static str) -> impl FnOnce(std::io::Error) -> ProviderError {
    move |error| from_io(format!("{verb} the networks of workspaces"), error)
}
