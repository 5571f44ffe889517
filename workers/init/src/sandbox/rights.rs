//! What root may do inside when it is the host's root: what a user with `sudo` needs, and nothing
//! that reaches beyond the sandbox. In a user namespace the kernel sees to that by itself.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set,
    remove_capability_from_bounding_set, set_capabilities,
};

/// Files of others, other users, low ports, `chroot`. Not among them: devices, mounts, raw packets,
/// interfaces, the clock, modules, other processes' memory.
const KEPT: CapabilitySet = CapabilitySet::AUDIT_WRITE
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SYS_CHROOT);

/// Gives up everything else, for this process and all that come from it.
pub(super) fn give_up() -> io::Result<()> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // A number the kernel does not know ends the list.
        let Ok(has) = capability_is_in_bounding_set(capability) else { break };
        if has && !KEPT.contains(capability) {
            remove_capability_from_bounding_set(capability)?;
        }
    }
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: KEPT, permitted: KEPT, inheritable })?;
    Ok(())
}
