//! What belongs to somebody else is not found, in the same words as what does not exist.

use nexus_control_plane::identity::Identity;
use nexus_control_plane::queries::{
    EventQuery, OperationQuery, UserRef, WorkspaceQuery, WorkspaceRef,
};
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::spec::Provider;

use crate::world::{World, public_key};

#[tokio::test]
async fn nothing_of_hers_is_his() {
    let world = World::in_memory().await;
    let (ada, bob) = (world.person("ada", 1).await, world.person("bob", 2).await);
    world.node(Provider::Fake).await;
    let hers = world.create(&ada, "hello").await;
    let (queries, commands, context) = (world.app.queries(), world.app.commands(), world.context());
    let not_found = |problem: Problem| assert_eq!(problem.code, ProblemCode::NotFound);
    let user = ada.user().unwrap();

    for reference in [WorkspaceRef::Id(hers.workspace), "hello".parse().unwrap()] {
        not_found(queries.workspace(&bob, &reference).unwrap_err().into());
        not_found(
            queries
                .workspace_status(&bob, &reference)
                .unwrap_err()
                .into(),
        );
        let started = commands.start_workspace(&bob, &reference, &context).await;
        not_found(started.unwrap_err().into());
        let stopped = commands.stop_workspace(&bob, &reference, &context).await;
        not_found(stopped.unwrap_err().into());
        let deleted = commands.delete_workspace(&bob, &reference, &context).await;
        not_found(deleted.unwrap_err().into());
        let query = EventQuery {
            workspace: Some(reference.to_string()),
            ..Default::default()
        };
        not_found(queries.events(&bob, &query).unwrap_err().into());
        not_found(
            world
                .app
                .hub()
                .subscribe(&bob, &query)
                .err()
                .unwrap()
                .into(),
        );
    }
    not_found(queries.operation(&bob, hers.operation).unwrap_err().into());
    not_found(queries.user(&bob, &UserRef::Id(user)).unwrap_err().into());
    let key = commands
        .add_user_key(&bob, user, &public_key(9), &context)
        .await;
    not_found(key.unwrap_err().into());
    not_found(
        commands
            .erase_user(&bob, user, &context)
            .await
            .unwrap_err()
            .into(),
    );

    assert_eq!(
        queries
            .workspaces(&bob, &WorkspaceQuery::default())
            .unwrap()
            .items
            .len(),
        0
    );
    let of_hers = WorkspaceQuery {
        owner: Some("ada".into()),
        ..Default::default()
    };
    assert_eq!(queries.workspaces(&bob, &of_hers).unwrap().items.len(), 0);
    assert_eq!(
        queries
            .operations(&bob, &OperationQuery::default())
            .unwrap()
            .items
            .len(),
        0
    );
    let seen = queries.events(&bob, &EventQuery::default()).unwrap().items;
    assert!(!seen.is_empty(), "his own registration");
    assert!(
        seen.iter()
            .all(|event| !event.event.to_string().contains(&user.to_string()))
    );
}

#[tokio::test]
async fn the_operator_sees_everything_and_names_are_unambiguous_or_refused() {
    let world = World::in_memory().await;
    let (ada, bob) = (world.person("ada", 1).await, world.person("bob", 2).await);
    world.node(Provider::Fake).await;
    let hers = world.create(&ada, "hello").await;
    let name: WorkspaceRef = "hello".parse().unwrap();
    let queries = world.app.queries();
    assert_eq!(
        queries.workspace(&Identity::Operator, &name).unwrap().id,
        hers.workspace
    );
    world.create(&bob, "hello").await;
    let refused = Problem::from(queries.workspace(&Identity::Operator, &name).unwrap_err());
    assert_eq!(refused.code, ProblemCode::Conflict);
    assert_eq!(queries.workspace(&ada, &name).unwrap().id, hers.workspace);
    let all = queries
        .workspaces(&Identity::Operator, &WorkspaceQuery::default())
        .unwrap();
    assert_eq!(all.items.len(), 2);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_double() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    for number in 0..5 {
        world.create(&ada, &format!("w{number}")).await;
        world.advance(1);
    }
    let mut names = Vec::new();
    let mut query = WorkspaceQuery {
        limit: Some(2),
        ..Default::default()
    };
    loop {
        let page = world.app.queries().workspaces(&ada, &query).unwrap();
        names.extend(page.items.iter().map(|view| view.name.to_string()));
        match page.next {
            Some(cursor) => query.cursor = Some(cursor),
            None => break,
        }
    }
    assert_eq!(names, ["w0", "w1", "w2", "w3", "w4"]);
}
