//! The stock SSH programs by every way in, held against a bare OpenSSH server on loopback: the
//! same commands must end the same way, with the same bytes.

mod cases;
mod channels;
mod editor;
mod large;
mod leaks;
mod lives_on;
mod outcome;

use anyhow::Context as _;
use nexus_events::id::WorkspaceId;
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::sshd::{self, Sshd};
use nexus_tests::ways::{self, WAYS};
use nexus_tests::{docker, require, ssh};
use serde_json::json;

use leaks::Held;
use outcome::Outcomes;

const NO_OPENSSH: &str =
    "openssh-client and openssh-server are not installed (./dev installs them)";

#[tokio::test]
async fn process_workspaces_answer_as_a_bare_server_does() -> anyhow::Result<()> {
    const TEST: &str = "process_workspaces_answer_as_a_bare_server_does";
    require!(
        TEST,
        ssh::is_installed() && sshd::is_installed(),
        NO_OPENSSH
    );
    compare("process").await
}

#[tokio::test]
async fn docker_workspaces_answer_as_a_bare_server_does() -> anyhow::Result<()> {
    const TEST: &str = "docker_workspaces_answer_as_a_bare_server_does";
    require!(
        TEST,
        ssh::is_installed() && sshd::is_installed(),
        NO_OPENSSH
    );
    require!(
        TEST,
        docker::is_usable().await,
        "no container engine with the base image (./dev image)"
    );
    compare("docker").await
}

/// Everything of the matrix, by each way in, and then nothing of it may be left in the workspace.
async fn compare(provider: &str) -> anyhow::Result<()> {
    let plane = Plane::start(provider).await?;
    let wanted = on_a_bare_server(&plane).await?;
    let workspace = make(&plane, "matrix", provider).await?;
    let mut hosts = Vec::new();
    for way in WAYS {
        let host = ways::host(&plane, workspace, way, &plane.key).await?;
        // The first login of all makes whatever is made once.
        let first = host.run("true").await?;
        first.success().with_context(|| way.name())?;
        hosts.push((way, host));
    }
    let before = Held::of(&plane, workspace).await?;
    for (way, host) in hosts {
        let found = Outcomes::of(&host, plane.home()).await?;
        found.must_be(&wanted, &format!("{} on {provider}", way.name()))?;
    }
    before.is_all_that_is_held(&plane, workspace).await
}

async fn on_a_bare_server(plane: &Plane) -> anyhow::Result<Outcomes> {
    let sshd = Sshd::start(&plane.home().join("reference"), &plane.key).await?;
    let outcomes = Outcomes::of(&sshd.host, plane.home()).await?;
    sshd.stop().await?;
    Ok(outcomes)
}

/// A running workspace of Alice's.
async fn make(plane: &Plane, name: &str, provider: &str) -> anyhow::Result<WorkspaceId> {
    let spec = json!({ "provider": provider });
    let view = plane.client.running(ALICE, name, spec).await?;
    Ok(view.id)
}
