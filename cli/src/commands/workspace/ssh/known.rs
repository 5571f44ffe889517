//! The host keys of workspaces this command line connected to, in a known_hosts file of our own.

use std::fs::File;
use std::path::Path;

use nexus_events::view::SshView;

use crate::home;

/// Writes the workspace's key in place of what was known of it and of its address, which another
/// workspace may have had before.
pub(super) fn pin(path: &Path, alias: &str, ssh: &SshView, key: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        home::create_private_folder(folder)?;
    }
    // Two shells opened at once must not lose each other's line.
    let lock = File::create(path.with_extension("lock"))?;
    lock.lock()?;
    let address = format!("[{}]:{}", ssh.host, ssh.port);
    let known = home::read_if_there(path)?.unwrap_or_default();
    let line = format!("{alias},{address} {key}");
    if known.lines().any(|other| other == line) {
        return Ok(());
    }
    let others = known.lines().filter(|other| {
        let names = other.split(' ').next().unwrap_or_default();
        !names
            .split(',')
            .any(|name| name == alias || name == address)
    });
    let mut text: String = others.map(|other| format!("{other}\n")).collect();
    text.push_str(&line);
    text.push('\n');
    home::replace_private_file(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    fn ssh(port: u16) -> SshView {
        SshView {
            host: "127.0.0.1".into(),
            port,
            user: "dev".into(),
            host_key: Some(KEY.into()),
        }
    }

    #[test]
    fn a_new_key_replaces_the_old_one_and_whoever_had_the_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        let other = KEY.replace("IOMq", "IPMq");
        pin(&path, "ws-1", &ssh(2222), KEY).unwrap();
        pin(&path, "ws-2", &ssh(2223), KEY).unwrap();
        pin(&path, "ws-1", &ssh(2224), &other).unwrap();
        pin(&path, "ws-3", &ssh(2223), &other).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            format!("ws-1,[127.0.0.1]:2224 {other}\nws-3,[127.0.0.1]:2223 {other}\n")
        );
    }

    #[test]
    fn openssh_reads_the_file_as_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        pin(&path, "ws-1", &ssh(2222), KEY).unwrap();
        for name in ["ws-1", "[127.0.0.1]:2222"] {
            let found = std::process::Command::new("ssh-keygen")
                .args(["-F", name, "-f"])
                .arg(&path)
                .output()
                .unwrap();
            assert!(found.status.success(), "{name}");
        }
    }
}
