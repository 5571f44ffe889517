//! The API against its own document: schemathesis asks what the document allows and what it does
//! not, as two people, and no answer is a fault, of another form, or about what is not theirs.

use std::path::Path;

use anyhow::Context as _;
use nexus_tests::plane::{ALICE, Plane, make_key};
use nexus_tests::skip::skipped;
use serde_json::json;
use tokio::process::Command;

/// How the script says that schemathesis cannot be had here.
const NOT_HERE: i32 = 77;

#[tokio::test(flavor = "multi_thread")]
async fn the_api_keeps_to_its_document_for_two_people() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let key = make_key(&plane.home().join("id_mallory")).await?;
    plane.client.register("mallory", 2, &key).await?;
    let spec = json!({ "provider": "process" });
    let workspace = plane.client.running(ALICE, "desk", spec).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis/run.sh");
    let output = Command::new(&script)
        .env("NEXUS_URL", format!("http://{}", plane.address()))
        .env("NEXUS_OWNER", plane.token_of(ALICE).await?)
        .env("NEXUS_STRANGER", plane.token_of("mallory").await?)
        .env("NEXUS_FOREIGN", workspace.id.to_string())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("running {}", script.display()))?;
    if output.status.code() == Some(NOT_HERE) {
        skipped("schemathesis", "python3 -m venv or pip cannot install it");
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(output.status.success(), "schemathesis found:\n{told}");
    Ok(())
}
