//! The tail: history, then live, one position for both.

use nexus_control_plane::hub::TailItem;
use nexus_control_plane::identity::Identity;
use nexus_control_plane::queries::EventQuery;
use nexus_events::spec::Provider;

use crate::world::World;

#[tokio::test]
async fn a_reader_gets_every_event_once_across_history_and_live() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    world.create(&ada, "one").await;
    let mut tail = world
        .app
        .hub()
        .subscribe(&Identity::Operator, &EventQuery::default())
        .unwrap();
    let mut sequences = Vec::new();
    loop {
        match tail.next().await.unwrap() {
            TailItem::Event(event) => sequences.push(event.sequence),
            TailItem::CaughtUp { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    let created = world.create(&ada, "two").await;
    while sequences.last() < Some(&created.sequence) {
        match tail.next().await.unwrap() {
            TailItem::Event(event) => sequences.push(event.sequence),
            other => panic!("{other:?}"),
        }
    }
    let expected: Vec<u64> = (1..=created.sequence).collect();
    assert_eq!(sequences, expected);
}

#[tokio::test]
async fn a_reader_resumes_after_its_last_sequence() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let last = world.app.queries().sequence();
    let query = EventQuery {
        after: Some(last - 1),
        ..Default::default()
    };
    let mut tail = world.app.hub().subscribe(&ada, &query).unwrap();
    let TailItem::Event(event) = tail.next().await.unwrap() else {
        panic!("the last event")
    };
    assert_eq!(event.sequence, last);
    assert_eq!(event.view().event["type"], event.event_type.as_str());
    assert_eq!(
        tail.next().await.unwrap(),
        TailItem::CaughtUp { sequence: last }
    );
}

#[tokio::test]
async fn filters_hold_for_history_and_for_live() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    world.create(&ada, "one").await;
    let query = EventQuery {
        event_type: Some("workspace.requested".into()),
        ..Default::default()
    };
    let mut tail = world.app.hub().subscribe(&ada, &query).unwrap();
    let wanted = "nexus.workspace.requested.v1";
    for round in ["history", "live"] {
        let TailItem::Event(event) = tail.next().await.unwrap() else {
            panic!("{round}")
        };
        assert_eq!(event.event_type, wanted, "{round}");
        if round == "history" {
            assert!(matches!(
                tail.next().await.unwrap(),
                TailItem::CaughtUp { .. }
            ));
            world.create(&ada, "two").await;
        }
    }
}

#[tokio::test]
async fn a_reader_who_does_not_keep_up_is_cut_where_it_stands() {
    let world = World::in_memory().await;
    world.person("ada", 1).await;
    let mut tail = world
        .app
        .hub()
        .subscribe(&Identity::Operator, &EventQuery::default())
        .unwrap();
    let mut last = 0;
    loop {
        match tail.next().await.unwrap() {
            TailItem::Event(event) => last = event.sequence,
            TailItem::CaughtUp { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    for account in 100..700 {
        let request = crate::world::registration("somebody", account);
        let (commands, context) = (world.app.commands(), world.context());
        commands
            .register_user(&Identity::Operator, request, &context)
            .await
            .unwrap();
    }
    world.settle().await;
    assert_eq!(tail.next().await.unwrap(), TailItem::Cut { last });
}

#[tokio::test]
async fn the_tail_ends_with_the_server() {
    let world = World::in_memory().await;
    let mut tail = world
        .app
        .hub()
        .subscribe(&Identity::Operator, &EventQuery::default())
        .unwrap();
    assert_eq!(
        tail.next().await.unwrap(),
        TailItem::CaughtUp { sequence: 0 }
    );
    world.plane.shutdown().await;
    assert_eq!(tail.next().await.unwrap(), TailItem::Ended);
}
