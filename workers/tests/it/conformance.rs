//! Every provider keeps the same contract.

use nexus_workers::conformance::{bring_up, provider_keeps_its_contract, small_spec};
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
    let Some(docker) = Docker::on_this_machine("the contract on Docker").await else {
        return;
    };
    provider_keeps_its_contract(&docker.provider).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_docker_test_that_fails_leaves_nothing_at_the_engine() {
    let Some(docker) = Docker::on_this_machine("the end of a test on Docker").await else {
        return;
    };
    let again = DockerProvider::new(docker.options.clone()).unwrap();
    bring_up(&docker.provider, &small_spec("left-behind")).await;
    assert_eq!(again.list_owned().await.unwrap().len(), 1);
    let failing = tokio::spawn(async move {
        let _docker = docker;
        panic!("as a failed assertion does");
    });
    assert!(failing.await.unwrap_err().is_panic());
    assert!(again.list_owned().await.unwrap().is_empty());
}

/// The Docker provider on this machine's engine. Dropped, it takes away whatever was made with it.
struct Docker {
    provider: DockerProvider,
    options: DockerOptions,
    _folder: tempfile::TempDir,
}

impl Docker {
    /// `None` when there is no engine, and says why.
    async fn on_this_machine(what: &str) -> Option<Self> {
        let skip = |reason: String| {
            eprintln!("SKIPPED {what}: {reason}");
            None
        };
        let binary = match init::locate_for_tests() {
            Ok(binary) => binary,
            Err(error) => return skip(error.to_string()),
        };
        let folder = tempfile::tempdir().unwrap();
        let instance = format!("test-{}", uuid::Uuid::now_v7().simple());
        let options = DockerOptions::new(folder.path(), binary, &instance);
        let provider = DockerProvider::new(options.clone()).unwrap();
        match provider.profile().await {
            Ok(_) => Some(Self {
                provider,
                options,
                _folder: folder,
            }),
            Err(error) => skip(error.to_failure().cause),
        }
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let options = self.options.clone();
        // Nothing can be awaited here, and the test's own runtime may be on its way out.
        let clearing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let provider = DockerProvider::new(options).unwrap();
                for machine in provider.list_owned().await.unwrap() {
                    provider.delete(machine.workspace).await.unwrap();
                }
            });
        });
        if clearing.join().is_err() {
            eprintln!("the test left something at the engine");
        }
    }
}
