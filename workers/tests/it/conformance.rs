//! Every provider keeps the same contract.

use std::sync::Arc;

use nexus_workers::conformance::provider_keeps_its_contract;
use nexus_workers::fake::{FakeEngine, FakeProvider};
use nexus_workers::init;
use nexus_workers::provider::Provider as _;
use nexus_workers::providers::docker::{DockerOptions, DockerProvider};

#[tokio::test]
async fn the_fake_provider_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let engine = FakeEngine::in_folder(folder.path());
    engine.lose_image("nexus/no-such-image:ever");
    provider_keeps_its_contract(&FakeProvider::on(&engine)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_docker_provider_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let Some(provider) = docker(folder.path(), "the contract on Docker").await else {
        return;
    };
    provider_keeps_its_contract(&*provider).await;
}

/// The Docker provider on this machine's engine; says why not when there is none.
pub(crate) async fn docker(folder: &std::path::Path, what: &str) -> Option<Arc<DockerProvider>> {
    let skip = |reason: String| {
        eprintln!("SKIPPED {what}: {reason}");
        None
    };
    let binary = match init::locate_for_tests() {
        Ok(binary) => binary,
        Err(error) => return skip(error.to_string()),
    };
    let instance = format!("test-{}", uuid::Uuid::now_v7().simple());
    let options = DockerOptions::new(folder, binary, &instance);
    let provider = DockerProvider::new(options).unwrap();
    match provider.profile().await {
        Ok(_) => Some(Arc::new(provider)),
        Err(error) => skip(error.to_failure().cause),
    }
}
