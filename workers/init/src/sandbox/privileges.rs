//! What init and all its children may not do: resource limits, and rights that no workspace needs.

use nexus_init_protocol::sandbox::SandboxLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
    set_capabilities,
};

/// What is left of root's rights: files of others, other users, low ports, `sudo`, `ping`. Not among
/// them: mounts, devices, modules, the clock, the network's set-up, tracing.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::AUDIT_WRITE);

/// Sets the limits that need no cgroup.
pub(super) fn limit(limits: &SandboxLimits) -> rustix::io::Result<()> {
    if let Some(files) = limits.open_files {
        set_at_most(Resource::Nofile, files)?;
    }
    set_at_most(Resource::Core, 0)
}

fn set_at_most(resource: Resource, wanted: u64) -> rustix::io::Result<()> {
    let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let value = Some(wanted.min(hard));
    let new = Rlimit {
        current: value,
        maximum: value,
    };
    setrlimit(resource, new)
}

/// Gives up all rights but [`KEPT`], for this process and whatever it starts, set-user-id programs
/// included.
pub(super) fn drop_unneeded() -> rustix::io::Result<()> {
    for right in CapabilitySet::all().difference(KEPT).iter() {
        match remove_capability_from_bounding_set(right) {
            // A right that this kernel does not know cannot be had either.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    let held = capabilities(None)?;
    let kept = CapabilitySets {
        effective: held.effective & KEPT,
        permitted: held.permitted & KEPT,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, kept)
}
