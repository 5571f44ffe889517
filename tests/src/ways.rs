//! The ways into a workspace by SSH, each as a host the stock programs know.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nexus_events::id::WorkspaceId;
use nexus_events::view::WorkspaceView;
use serde_json::Value;

use crate::binaries;
use crate::plane::Plane;
use crate::ssh::Host;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The workspace's own port.
    Pool,
    /// What `nexus ssh-config` writes: the client is given a socket by `nexus ssh --fdpass`.
    Config,
    /// `nexus ssh --stdio` as the client's `ProxyCommand`.
    Stdio,
    /// The gateway as jump host.
    Jump,
}

/// Every way in.
pub const WAYS: [Way; 4] = [Way::Pool, Way::Config, Way::Stdio, Way::Jump];

impl Way {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::Config => "ssh-config",
            Self::Stdio => "stdio",
            Self::Jump => "jump",
        }
    }
}

/// How the stock programs reach `workspace` this way with `key`. They trust nothing but our
/// authority: a host that cannot show its certificate is refused.
///
/// # Errors
/// When the workspace has no address, or the authority is not told.
pub async fn host(
    plane: &Plane,
    workspace: WorkspaceId,
    way: Way,
    key: &Path,
) -> anyhow::Result<Host> {
    let view: WorkspaceView = plane.client.workspace(workspace, 0).await?;
    let address = view.ssh.clone().context("a workspace has an SSH address")?;
    let folder = plane.home().join("ssh").join(view.name.to_string());
    std::fs::create_dir_all(&folder)?;
    let known = known_hosts(plane, &folder).await?;
    let mut options = vec![
        ("User", address.user.clone()),
        ("UserKnownHostsFile", known.display().to_string()),
        ("HostKeyAlias", workspace.to_string()),
    ];
    match way {
        Way::Pool => options.extend([
            ("HostName", "127.0.0.1".to_owned()),
            ("Port", address.port.to_string()),
        ]),
        Way::Config => options.extend([
            ("ProxyCommand", nexus(plane, "--fdpass", &view)?),
            ("ProxyUseFdpass", "yes".to_owned()),
        ]),
        Way::Stdio => options.push(("ProxyCommand", nexus(plane, "--stdio", &view)?)),
        Way::Jump => options.extend([
            ("HostName", view.name.to_string()),
            ("ProxyCommand", jump(plane, &folder, &known, key)?),
        ]),
    }
    Host::write(&folder, way.name(), key, &options)
}

/// Our own program as a `ProxyCommand`.
fn nexus(plane: &Plane, flag: &str, view: &WorkspaceView) -> anyhow::Result<String> {
    let nexus = binaries::binary("nexus")?;
    let (home, name) = (plane.home().display(), &view.name);
    Ok(format!(
        "env NEXUS_HOME={home} {} ssh {flag} {name}",
        nexus.display()
    ))
}

/// What `-J` makes of itself: it takes no options for the host in between, so it is written out.
fn jump(plane: &Plane, folder: &Path, known: &Path, key: &Path) -> anyhow::Result<String> {
    let address = plane.jump_address();
    let (host, port) = address.split_once(':').context("host and port")?;
    let options = [
        ("HostName", host.to_owned()),
        ("Port", port.to_owned()),
        ("User", "nexus".to_owned()),
        ("UserKnownHostsFile", known.display().to_string()),
        ("HostKeyAlias", "nexus-jump".to_owned()),
    ];
    Host::write(folder, "gateway", key, &options)?;
    let config = folder.join("gateway.config");
    Ok(format!("ssh -F {} -W [%h]:%p gateway", config.display()))
}

/// A file that trusts our authority for every host, and nothing else.
async fn known_hosts(plane: &Plane, folder: &Path) -> anyhow::Result<PathBuf> {
    let authority: Value = plane.client.get("/api/v1/ssh/authority").await?;
    let key = authority["host_authority"]
        .as_str()
        .context("the authority of hosts")?;
    let path = folder.join("known_hosts");
    std::fs::write(&path, format!("@cert-authority * {key}\n"))?;
    Ok(path)
}
