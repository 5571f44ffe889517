//! The contract of [`crate::provider`], tried on any provider: what is promised is done here.
//!
//! Every case makes workspaces of its own and deletes them, so cases may run beside each other and
//! beside other users of the engine. A case panics with what was broken.

use std::time::Duration;

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::spec::Resources;
use nexus_init_protocol::file::FileWrite;
use nexus_init_protocol::{Client, ExecSpec, FailureCode};
use uuid::Uuid;

use crate::provider::{
    ErrorClass, Machine, MachineSpec, MachineState, OwnedMachine, Progress, Provider,
};

const GRACE: Duration = Duration::from_secs(5);
const INIT_LIMIT: Duration = Duration::from_secs(30);

/// Runs every case, one after the other.
///
/// # Panics
/// When the provider breaks the contract.
pub async fn provider_keeps_its_contract<P: Provider>(provider: &P) {
    profile_answers(provider).await;
    a_life_is_seen_in_every_state(provider).await;
    every_call_twice_is_the_same_as_once(provider).await;
    init_is_reached_and_runs_commands(provider).await;
    home_survives_a_stop_and_goes_with_the_workspace(provider).await;
    owned_machines_are_listed_with_their_labels(provider).await;
    two_workspaces_of_one_name_are_apart(provider).await;
    two_callers_at_once_make_one_machine(provider).await;
    a_dropped_call_is_made_good_by_the_next(provider).await;
    what_is_not_there_is_stopped_and_deleted_already(provider).await;
    an_older_epoch_leaves_the_machine_alone(provider).await;
    an_unknown_image_is_named(provider).await;
}

/// What a workspace of the suite asks for: little.
pub fn small_spec(name: &str) -> MachineSpec {
    MachineSpec {
        workspace: WorkspaceId::from_uuid(Uuid::now_v7()),
        name: name.parse().expect("names of this suite are names"),
        operation: OperationId::from_uuid(Uuid::now_v7()),
        epoch: 1,
        image: None,
        resources: Resources {
            cpu_milli: 500,
            memory_mib: 256,
            processes: 256,
        },
        environment: [("NEXUS_TRIED".to_owned(), "yes".to_owned())].into(),
        source: None,
    }
}

/// Image, machine and start, as the runtime does it.
///
/// # Panics
/// When one of them fails.
pub async fn bring_up<P: Provider>(provider: &P, spec: &MachineSpec) -> Machine {
    let machine = make(provider, spec).await;
    provider
        .start(spec)
        .await
        .expect("a machine that was made starts");
    machine
}

/// The init of a workspace that runs.
///
/// # Panics
/// When it does not answer.
pub async fn reach<P: Provider>(provider: &P, workspace: WorkspaceId) -> Client {
    let socket = provider.init_socket(workspace);
    Client::connect_within(&socket, INIT_LIMIT)
        .await
        .expect("init answers in a running machine")
}

async fn make<P: Provider>(provider: &P, spec: &MachineSpec) -> Machine {
    let image = provider.prepare_image(spec, &Progress::default()).await;
    let image = image.expect("the base image is there");
    provider
        .ensure_machine(spec, &image)
        .await
        .expect("a machine can be made")
}

async fn delete<P: Provider>(provider: &P, spec: &MachineSpec) {
    provider
        .delete(spec.workspace)
        .await
        .expect("a machine can be deleted");
}

async fn state<P: Provider>(provider: &P, spec: &MachineSpec) -> MachineState {
    provider
        .observe(spec.workspace)
        .await
        .expect("a machine can be observed")
        .state
}

async fn owned<P: Provider>(provider: &P, spec: &MachineSpec) -> Option<OwnedMachine> {
    let all = provider.list_owned().await.expect("machines can be listed");
    all.into_iter()
        .find(|machine| machine.workspace == spec.workspace)
}

async fn profile_answers<P: Provider>(provider: &P) {
    let profile = provider.profile().await.expect("the engine answers");
    assert!(!profile.engine.is_empty());
}

async fn a_life_is_seen_in_every_state<P: Provider>(provider: &P) {
    let spec = small_spec("life");
    assert_eq!(state(provider, &spec).await, MachineState::Absent);
    let machine = make(provider, &spec).await;
    assert!(!machine.reused);
    // Some providers keep a machine that never ran as nothing but its folder; it is there.
    assert!(matches!(
        state(provider, &spec).await,
        MachineState::Created | MachineState::Stopped(_)
    ));
    provider
        .start(&spec)
        .await
        .expect("a machine that was made starts");
    reach(provider, spec.workspace).await;
    assert_eq!(state(provider, &spec).await, MachineState::Running);
    provider
        .stop(spec.workspace, GRACE)
        .await
        .expect("a machine that runs stops");
    assert!(matches!(
        state(provider, &spec).await,
        MachineState::Stopped(_)
    ));
    provider
        .start(&spec)
        .await
        .expect("a machine that was stopped starts");
    reach(provider, spec.workspace).await;
    delete(provider, &spec).await;
    assert_eq!(state(provider, &spec).await, MachineState::Absent);
}

async fn every_call_twice_is_the_same_as_once<P: Provider>(provider: &P) {
    let spec = small_spec("twice");
    let first = make(provider, &spec).await;
    let second = make(provider, &spec).await;
    assert_eq!(first.handle, second.handle, "one machine, made once");
    assert!(second.reused);
    for _ in 0..2 {
        provider
            .start(&spec)
            .await
            .expect("starting what runs succeeds");
        reach(provider, spec.workspace).await;
    }
    let third = make(provider, &spec).await;
    assert_eq!(
        third.handle, first.handle,
        "ensuring what runs leaves it alone"
    );
    assert_eq!(state(provider, &spec).await, MachineState::Running);
    for _ in 0..2 {
        provider
            .stop(spec.workspace, GRACE)
            .await
            .expect("stopping what stands succeeds");
    }
    for _ in 0..2 {
        delete(provider, &spec).await;
    }
    assert_eq!(owned(provider, &spec).await, None);
}

async fn init_is_reached_and_runs_commands<P: Provider>(provider: &P) {
    let spec = small_spec("exec");
    bring_up(provider, &spec).await;
    let client = reach(provider, spec.workspace).await;
    let good = client.exec_to_end(&ExecSpec::new(["true"]), 1024).await;
    assert!(good.expect("a command runs").outcome.is_success());
    let bad = client.exec_to_end(&ExecSpec::new(["false"]), 1024).await;
    assert_eq!(bad.expect("a command runs").outcome.shell_code(), 1);
    delete(provider, &spec).await;
    let gone = Client::connect(provider.init_socket(spec.workspace)).await;
    assert!(gone.is_err(), "init ends with its machine");
}

async fn home_survives_a_stop_and_goes_with_the_workspace<P: Provider>(provider: &P) {
    const MARKER: &str = "/home/dev/marker";
    let spec = small_spec("home");
    bring_up(provider, &spec).await;
    let client = reach(provider, spec.workspace).await;
    let mut file = FileWrite::new(MARKER);
    file.make_parents = true;
    client
        .write_file(&file, b"kept")
        .await
        .expect("home can be written");
    provider
        .stop(spec.workspace, GRACE)
        .await
        .expect("it stops");
    provider.start(&spec).await.expect("it starts");
    let client = reach(provider, spec.workspace).await;
    let (_, content) = client
        .read_file(MARKER)
        .await
        .expect("home survives a stop");
    assert_eq!(content, b"kept");
    delete(provider, &spec).await;
    bring_up(provider, &spec).await;
    let client = reach(provider, spec.workspace).await;
    let error = client
        .read_file(MARKER)
        .await
        .expect_err("home goes with its workspace");
    assert_eq!(
        error.failure().map(|failure| failure.code),
        Some(FailureCode::NotFound)
    );
    delete(provider, &spec).await;
}

async fn owned_machines_are_listed_with_their_labels<P: Provider>(provider: &P) {
    let spec = small_spec("labels");
    assert_eq!(owned(provider, &spec).await, None);
    let machine = make(provider, &spec).await;
    let listed = owned(provider, &spec)
        .await
        .expect("what was made is listed");
    assert!(!listed.running);
    assert_eq!(
        (listed.operation, listed.epoch),
        (spec.operation, spec.epoch)
    );
    assert_eq!(listed.handle, machine.handle);
    provider.start(&spec).await.expect("it starts");
    reach(provider, spec.workspace).await;
    assert!(
        owned(provider, &spec)
            .await
            .expect("what runs is listed")
            .running
    );
    delete(provider, &spec).await;
    assert_eq!(owned(provider, &spec).await, None);
}

async fn two_workspaces_of_one_name_are_apart<P: Provider>(provider: &P) {
    let (one, other) = (small_spec("same-name"), small_spec("same-name"));
    let first = bring_up(provider, &one).await;
    let second = bring_up(provider, &other).await;
    assert_ne!(first.handle, second.handle);
    let client = reach(provider, one.workspace).await;
    client
        .write_file(&FileWrite::new("/home/dev/mine"), b"one")
        .await
        .expect("home can be written");
    let client = reach(provider, other.workspace).await;
    assert!(
        client.read_file("/home/dev/mine").await.is_err(),
        "homes of two owners are two"
    );
    delete(provider, &one).await;
    assert_eq!(state(provider, &other).await, MachineState::Running);
    delete(provider, &other).await;
}

async fn two_callers_at_once_make_one_machine<P: Provider>(provider: &P) {
    let spec = small_spec("race");
    let (one, other) = tokio::join!(make(provider, &spec), make(provider, &spec));
    assert_eq!(one.handle, other.handle);
    let (one, other) = tokio::join!(provider.start(&spec), provider.start(&spec));
    one.and(other).expect("both starts succeed");
    reach(provider, spec.workspace).await;
    let (one, other) = tokio::join!(
        provider.delete(spec.workspace),
        provider.delete(spec.workspace)
    );
    // The engine may still be removing it for the first caller; the next call finds it gone.
    assert!(one.is_ok() || other.is_ok());
    delete(provider, &spec).await;
    assert_eq!(state(provider, &spec).await, MachineState::Absent);
}

/// Each call is dropped at growing points of its way, then made again.
async fn a_dropped_call_is_made_good_by_the_next<P: Provider>(provider: &P) {
    let spec = small_spec("dropped");
    for polls in [1, 2, 3, 5, 8] {
        drop_after(polls, async { make(provider, &spec).await }).await;
    }
    let machine = make(provider, &spec).await;
    for polls in [1, 2, 4] {
        drop_after(polls, async { provider.start(&spec).await }).await;
    }
    provider
        .start(&spec)
        .await
        .expect("a start that was cut off is made good");
    reach(provider, spec.workspace).await;
    let listed = owned(provider, &spec).await.expect("it is listed");
    assert_eq!(
        listed.handle, machine.handle,
        "one machine came of all of it"
    );
    for polls in [1, 2] {
        drop_after(polls, async { provider.delete(spec.workspace).await }).await;
    }
    // An engine that was told to remove it may be at it; deleting is repeated until it is gone.
    while let Err(error) = provider.delete(spec.workspace).await {
        assert!(error.class.is_retryable(), "{error}");
        tokio::task::yield_now().await;
    }
    assert_eq!(owned(provider, &spec).await, None);
}

/// Polls `future` so many times and drops it.
async fn drop_after<T>(polls: usize, future: impl Future<Output = T>) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        std::task::Poll::Pending
    })
    .await;
}

async fn what_is_not_there_is_stopped_and_deleted_already<P: Provider>(provider: &P) {
    let spec = small_spec("nobody");
    provider
        .stop(spec.workspace, GRACE)
        .await
        .expect("stopping nothing succeeds");
    delete(provider, &spec).await;
    let error = provider
        .start(&spec)
        .await
        .expect_err("nothing cannot start");
    assert_eq!(error.class, ErrorClass::Absent, "{error}");
}

async fn an_older_epoch_leaves_the_machine_alone<P: Provider>(provider: &P) {
    let newer = MachineSpec {
        epoch: 5,
        ..small_spec("epochs")
    };
    make(provider, &newer).await;
    let older = MachineSpec {
        epoch: 4,
        ..newer.clone()
    };
    let image = provider.prepare_image(&newer, &Progress::default()).await;
    let image = image.expect("the image is there");
    let error = provider.ensure_machine(&older, &image).await;
    let error = error.expect_err("an older operation does not get a newer machine");
    assert_eq!(error.class, ErrorClass::Exists, "{error}");
    let later = MachineSpec {
        epoch: 6,
        ..newer.clone()
    };
    assert!(
        make(provider, &later).await.reused,
        "a later operation does"
    );
    delete(provider, &newer).await;
}

async fn an_unknown_image_is_named<P: Provider>(provider: &P) {
    const UNKNOWN: &str = "nexus/no-such-image:ever";
    let image = UNKNOWN.parse().expect("an image name");
    let spec = MachineSpec {
        image: Some(image),
        ..small_spec("no-image")
    };
    let error = provider.prepare_image(&spec, &Progress::default()).await;
    let error = error.expect_err("there is no such image");
    let failure = error.to_failure();
    assert!(failure.cause.contains(UNKNOWN), "{}", failure.cause);
    assert!(!failure.hint.is_empty());
    assert_eq!(owned(provider, &spec).await, None, "nothing was made");
}
