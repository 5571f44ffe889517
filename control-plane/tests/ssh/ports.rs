//! Ports of the pools: kept from others for a while after they were let go, and one per key holder.

use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::identity::Identity;
use nexus_control_plane::queries::WorkspaceRef;
use nexus_events::id::{NodeId, WorkspaceId};
use nexus_events::spec::Provider;
use nexus_events::workspace::{Command, Report, Workspace};

use crate::world::World;

async fn world(ports: std::ops::RangeInclusive<u16>) -> (World, Identity, NodeId) {
    let world = World::with(Backbone::memory(), |settings| {
        settings.ssh_ports = vec![ports];
    })
    .await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    (world, ada, node)
}

/// Deletes a workspace, and waits until its port is let go.
async fn delete(world: &World, who: &Identity, node: NodeId, workspace: WorkspaceId) {
    world.bring_up(workspace, node).await;
    let reference = WorkspaceRef::Id(workspace);
    let commands = world.app.commands();
    commands
        .delete_workspace(who, &reference, &world.context())
        .await
        .unwrap();
    world.settle().await;
    world
        .report(workspace, node, |at| Some(Report::Deleted { at }))
        .await;
    let released = async {
        while world
            .held()
            .await
            .iter()
            .any(|held| held.starts_with("port-"))
        {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    assert!(
        tokio::time::timeout(patience, released).await.is_ok(),
        "the port is let go"
    );
}

#[tokio::test]
async fn a_port_let_go_is_not_the_next_ones_until_five_minutes_are_over() {
    let (world, ada, node) = world(41000..=41001).await;
    let first = world.create(&ada, "first").await;
    assert_eq!(first.ssh_port, Some(41000));
    delete(&world, &ada, node, first.workspace).await;
    let second = world.create(&ada, "second").await;
    assert_eq!(second.ssh_port, Some(41001), "the other one is quarantined");
    delete(&world, &ada, node, second.workspace).await;
    world.advance(299);
    world.advance(2);
    let third = world.create(&ada, "third").await;
    assert_eq!(third.ssh_port, Some(41000), "its five minutes are over");
}

#[tokio::test]
async fn with_nothing_else_left_quarantine_is_broken_by_a_restarted_server_too() {
    let (world, ada, node) = world(41010..=41010).await;
    let first = world.create(&ada, "first").await;
    delete(&world, &ada, node, first.workspace).await;
    let second = world.create(&ada, "second").await;
    assert_eq!(second.ssh_port, Some(41010));
    delete(&world, &ada, node, second.workspace).await;

    let mut settings = world.app.settings().clone();
    settings.ssh_ports = vec![41010..=41011];
    let (backbone, clock) = (world.backbone.clone(), world.clock.clone());
    world.plane.shutdown().await;
    let plane = crate::world::start(settings, &backbone, &clock).await;
    let context = nexus_control_plane::commands::RequestContext::new(clock.now());
    let third = plane
        .app()
        .commands()
        .create_workspace(&ada, crate::world::new_workspace("third"), None, &context)
        .await
        .unwrap();
    assert_eq!(
        third.ssh_port,
        Some(41011),
        "the quarantine is known from the log"
    );
    plane.shutdown().await;
}

/// A node tells that it cannot listen on the port.
async fn refuse(world: &World, workspace: WorkspaceId, port: u16) {
    let command = Command::ReportSshPort {
        epoch: 1,
        port,
        cause: "Address already in use".into(),
    };
    world.execute::<Workspace>(&workspace, &command).await;
}

/// Waits until the workspace is to answer on a port that is not `port`, and tells which claims are
/// held then.
async fn moved_from(world: &World, workspace: WorkspaceId, port: u16) -> (u16, Vec<String>) {
    let moved = async {
        loop {
            let definition = world.state(workspace).await.definition.unwrap();
            let other = definition.ssh_port.filter(|other| *other != port);
            let held = world.held().await;
            let held: Vec<_> = held
                .into_iter()
                .filter(|id| id.starts_with("port-"))
                .collect();
            match other {
                Some(other) if held.len() == 1 => return (other, held),
                Some(_) | None => tokio::task::yield_now().await,
            }
        }
    };
    let patience = std::time::Duration::from_secs(20);
    let moved = tokio::time::timeout(patience, moved).await;
    moved.expect("another port is given, and the one before let go")
}

#[tokio::test]
async fn a_port_its_node_cannot_listen_on_is_given_up_for_another() {
    let (world, ada, node) = world(41030..=41031).await;
    let created = world.create(&ada, "hello").await;
    assert_eq!(created.ssh_port, Some(41030));
    let workspace = created.workspace;
    refuse(&world, workspace, 41030).await;
    let moved = moved_from(&world, workspace, 41030).await;
    assert_eq!(moved, (41031, vec!["port-41031".to_owned()]));
    world.bring_up(workspace, node).await;

    // The pool has no other that has rested: the one before is broken out of its quarantine.
    refuse(&world, workspace, 41031).await;
    let moved = moved_from(&world, workspace, 41031).await;
    assert_eq!(moved, (41030, vec!["port-41030".to_owned()]));
}

#[tokio::test]
async fn a_key_is_one_persons() {
    let (world, ada, _) = world(41020..=41020).await;
    let bob = world.person("bob", 2).await;
    let (commands, context) = (world.app.commands(), world.context());
    let hers = crate::world::public_key(1);
    let taken = commands
        .add_user_key(&bob, bob.user().unwrap(), &hers, &context)
        .await
        .unwrap_err();
    let problem = nexus_events::problem::Problem::from(taken);
    assert_eq!(problem.code, nexus_events::problem::ProblemCode::Conflict);

    // Once she has let go of it, it can be his; and her own she may add again and again.
    let user = ada.user().unwrap();
    commands
        .add_user_key(&ada, user, &hers, &context)
        .await
        .unwrap();
    let print = problem
        .detail
        .split(' ')
        .find(|word| word.starts_with("SHA256:"))
        .unwrap();
    commands
        .remove_user_key(&ada, user, print, &context)
        .await
        .unwrap();
    world.settle().await;
    commands
        .add_user_key(&bob, bob.user().unwrap(), &hers, &context)
        .await
        .unwrap();
}
