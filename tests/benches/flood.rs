//! R8: `yes` for a minute beside a terminal that is typed into, over either link.
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::time::Duration;

use anyhow::Context as _;
use nexus_tests::flood;
use nexus_tests::measure::{limit_row, milliseconds, ratio_row, wanted};
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::terminal::{self, BINARY, Door, Socket};
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if !wanted("R8") {
        return Ok(());
    }
    for link in ["direct", "relay"] {
        measured(link).await.with_context(|| link.to_owned())?;
    }
    Ok(())
}

async fn measured(link: &str) -> anyhow::Result<()> {
    let plane = Plane::start_with("process", &[("NEXUS_LINK", link)]).await?;
    let spec = json!({ "provider": "process" });
    let workspace = plane.client.running(ALICE, "flooded", spec).await?.id;
    let door = plane.door(Some(&plane.token_of(ALICE).await?))?;
    let typed = shell(&door, &workspace.to_string(), "typed").await?;
    let beside = shell(&door, &workspace.to_string(), "flood").await?;
    let found = flood::measure(&plane, typed, beside, MINUTE).await?;
    let rate = found.bytes as f64 / MINUTE.as_secs_f64() / 1e6;
    println!("      {link} link, {rate:.1} MB/s beside: p50, p99, more memory");
    for share in [0.5, 0.99] {
        let (quiet, busy) = (found.quiet.below(share), found.busy.below(share));
        ratio_row("R8", milliseconds(quiet), milliseconds(busy), "ms", 3.0);
    }
    limit_row("R8", 0.0, found.growth as f64 / 1024.0, "MiB", 48.0);
    Ok(())
}

async fn shell(door: &Door, workspace: &str, session: &str) -> anyhow::Result<Socket> {
    door.shell(&terminal::path(workspace, session, None), BINARY)
        .await
}
