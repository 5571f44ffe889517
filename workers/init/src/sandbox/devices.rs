//! A small `/dev`: the devices every program expects, and terminals of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::Context as _;
use nexus_init_protocol::sandbox::IdMode;
use rustix::mount::{MountFlags, mount, mount_bind};

const SHARED: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

const LINKS: [(&str, &str); 5] = [
    ("pts/ptmx", "ptmx"),
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
];

/// Fills `/dev` of the new root at `dev`.
pub(super) fn mount_all(dev: &Path, ids: IdMode) -> anyhow::Result<()> {
    let no_setuid = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", dev, "tmpfs", no_setuid, c"mode=755,size=64k").context("mounting /dev")?;
    for name in SHARED {
        let target = dev.join(name);
        fs::File::create(&target).with_context(|| format!("making /dev/{name}"))?;
        mount_bind(Path::new("/dev").join(name), &target)
            .with_context(|| format!("showing /dev/{name}"))?;
    }
    let terminals = dev.join("pts");
    fs::create_dir(&terminals).context("making /dev/pts")?;
    // Group 5 is `tty` in every distribution; with one id there is no such group.
    let options = match ids {
        IdMode::Root | IdMode::Subordinate => c"newinstance,ptmxmode=0666,mode=620,gid=5",
        IdMode::Single => c"newinstance,ptmxmode=0666,mode=620",
    };
    mount("devpts", &terminals, "devpts", no_setuid, options).context("mounting /dev/pts")?;
    let memory = dev.join("shm");
    fs::create_dir(&memory).context("making /dev/shm")?;
    let no_devices = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", &memory, "tmpfs", no_devices, c"mode=1777").context("mounting /dev/shm")?;
    fs::set_permissions(&memory, fs::Permissions::from_mode(0o1777)).context("opening /dev/shm")?;
    LINKS.iter().try_for_each(|(target, name)| {
        symlink(target, dev.join(name)).with_context(|| format!("linking /dev/{name}"))
    })
}
