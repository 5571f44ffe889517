//! A workspace's life as its events tell it.

use nexus_events::workspace::{Phase, ServiceStatus, WorkspaceEvent};
use nexus_workers::runtime::Verdict;

use crate::world::{World, names};

#[tokio::test]
async fn a_create_is_told_step_by_step() {
    let world = World::new();
    let command = world.create(&[("web", 8080)]).await;
    assert_eq!(world.worker().perform(&command, false).await, Verdict::Done);
    let events = world.events(command.workspace).await;
    assert_eq!(
        names(&events),
        [
            "requested",
            "placed",
            "image started",
            "image succeeded",
            "machine started",
            "machine succeeded",
            "start started",
            "start succeeded",
            "ssh started",
            "ssh succeeded",
            "machine_ready",
            "clone started",
            "clone succeeded",
            "repository_cloned",
            "install started",
            "install succeeded",
            "hooks started",
            "hooks succeeded",
            "service-web started",
            "web starting",
            "service-web succeeded",
            "web running",
            "ready",
        ]
    );
    let state = world.state(command.workspace).await;
    assert_eq!(state.phase, Phase::Running);
    let machine = state.machine.unwrap();
    assert_eq!(machine.directory, "/home/dev/workspace");
    assert!(machine.host_key.unwrap().starts_with("ssh-ed25519"));
    let web = &state.services[&"web".parse().unwrap()];
    assert_eq!(web.status, ServiceStatus::Running);
    assert!(web.mapped_port.is_some());
}

#[tokio::test]
async fn stop_start_and_delete_follow_each_other() {
    let world = World::new();
    let worker = world.worker();
    let create = world.create(&[]).await;
    let workspace = create.workspace;
    assert_eq!(worker.perform(&create, false).await, Verdict::Done);
    let stop = world.stop(workspace).await;
    assert_eq!(worker.perform(&stop, false).await, Verdict::Done);
    assert_eq!(world.state(workspace).await.phase, Phase::Stopped);
    let start = world.start(workspace).await;
    assert_eq!(worker.perform(&start, false).await, Verdict::Done);
    assert_eq!(world.state(workspace).await.phase, Phase::Running);
    assert_eq!(world.engine.made(), 1, "a start takes the machine there is");
    let delete = world.delete(workspace).await;
    assert_eq!(worker.perform(&delete, false).await, Verdict::Done);
    assert_eq!(world.state(workspace).await.phase, Phase::Deleted);
    assert!(world.engine.machines().is_empty());
}

#[tokio::test]
async fn an_unasked_end_is_told_with_its_reason() {
    let world = World::new();
    let worker = world.worker();
    let create = world.create(&[]).await;
    worker.perform(&create, false).await;
    let exit = nexus_events::workspace::MachineExit {
        code: Some(137),
        out_of_memory: true,
        cause: "the kernel ended it for want of memory".into(),
    };
    world.engine.crash(create.workspace, exit.clone());
    let told = world
        .wait_for(create.workspace, |event| {
            matches!(event, WorkspaceEvent::MachineExited { .. })
        })
        .await;
    assert_eq!(told, WorkspaceEvent::MachineExited { epoch: 1, exit });
    assert_eq!(world.state(create.workspace).await.phase, Phase::Failed);
}

#[tokio::test]
async fn a_service_that_falls_ill_later_is_told() {
    use nexus_init_protocol::ReportEvent;
    let world = World::new();
    let worker = world.worker();
    let create = world.create(&[("web", 8080)]).await;
    worker.perform(&create, false).await;
    let init = world.engine.init(create.workspace).unwrap();
    init.report(ReportEvent::ServiceUnhealthy {
        service: "web".into(),
        cause: "no answer".into(),
    });
    let ill = |event: &WorkspaceEvent| {
        matches!(
            event,
            WorkspaceEvent::ServiceChanged {
                status: ServiceStatus::Unhealthy,
                ..
            }
        )
    };
    let told = world.wait_for(create.workspace, ill).await;
    let WorkspaceEvent::ServiceChanged {
        port,
        mapped_port,
        cause,
        ..
    } = told
    else {
        panic!("a service changed");
    };
    assert_eq!((port, cause.as_deref()), (Some(8080), Some("no answer")));
    assert!(mapped_port.is_some());
    assert!(world.state(create.workspace).await.partial);
}

#[tokio::test]
async fn activity_inside_is_told() {
    use nexus_init_protocol::{ActivitySource, ReportEvent};
    let world = World::new();
    let worker = world.worker();
    let create = world.create(&[]).await;
    worker.perform(&create, false).await;
    let init = world.engine.init(create.workspace).unwrap();
    let last_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
    init.report(ReportEvent::Activity {
        source: ActivitySource::Ssh,
        last_ms,
    });
    world
        .wait_for(create.workspace, |event| {
            matches!(event, WorkspaceEvent::ActivityObserved { .. })
        })
        .await;
}
