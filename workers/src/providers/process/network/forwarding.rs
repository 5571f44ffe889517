//! Forwarding between this host's interfaces: switched on for workspaces, and off again after the
//! last one when it was we who switched it on and nobody else came to need it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const SWITCH: &str = "/proc/sys/net/ipv4/ip_forward";

/// A file that says that we did it, and in which life of the machine.
fn note(registry: &Path) -> PathBuf {
    registry.join("forwarding")
}

pub(super) fn enable(registry: &Path) -> io::Result<()> {
    if fs::read_to_string(SWITCH)?.trim() == "1" {
        return Ok(());
    }
    fs::write(note(registry), boot()?)?;
    fs::write(SWITCH, "1")
}

pub(super) fn restore(registry: &Path) -> io::Result<()> {
    let note = note(registry);
    let Ok(noted) = fs::read_to_string(&note) else {
        return Ok(());
    };
    if noted == boot()? && !is_needed_by_others()? {
        fs::write(SWITCH, "0")?;
    }
    fs::remove_file(note)
}

fn boot() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
}

/// Bridges of engines and virtual machines found forwarding on and rely on it.
fn is_needed_by_others() -> io::Result<bool> {
    for interface in fs::read_dir("/sys/class/net")? {
        let path = interface?.path();
        if path.join("bridge").exists() || path.join("tun_flags").exists() {
            return Ok(true);
        }
    }
    Ok(false)
}
