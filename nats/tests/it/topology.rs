//! The streams are made once, kept, and drift is refused.

use async_nats::jetstream::{self, stream};
use nexus_nats::testing::TestServer;
use nexus_nats::topology::{self, TopologyError};
use nexus_nats::{Expected, Log, Replicas, Role};

use crate::sample::{bare_client, claim, event};

async fn context(server: &TestServer) -> jetstream::Context {
    jetstream::new(bare_client(server).await)
}

async fn config(context: &jetstream::Context, name: &str) -> stream::Config {
    context
        .get_stream(name)
        .await
        .unwrap()
        .cached_info()
        .config
        .clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_streams_are_made_once_and_left_alone() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let log = Log::on(&bus);
    log.append(Expected::Empty, &event(&claim())).await.unwrap();
    let before = log.info().await.unwrap();
    for _ in 0..2 {
        topology::ensure(&bus, Replicas(1)).await.unwrap();
    }
    assert_eq!(log.info().await.unwrap(), before);
    let events = config(&context(&server).await, "NEXUS_EVENTS").await;
    assert!(events.deny_delete && events.deny_purge && events.max_age.is_zero());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_safe_is_updated() {
    let server = TestServer::start().await;
    let bus = server.bus().await;
    let context = context(&server).await;
    let mut changed = config(&context, "NEXUS_LOGS").await;
    let wanted = changed.max_age;
    changed.max_age = wanted * 2;
    changed.description = Some("something else".into());
    context.update_stream(&changed).await.unwrap();
    topology::ensure(&bus, Replicas(1)).await.unwrap();
    assert_eq!(config(&context, "NEXUS_LOGS").await.max_age, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_lose_events_is_refused_with_a_diff() {
    let server = TestServer::start().await;
    let context = context(&server).await;
    let theirs = stream::Config {
        name: "NEXUS_EVENTS".into(),
        subjects: vec!["nexus.evt.>".into(), "other.>".into()],
        max_messages: 5,
        ..Default::default()
    };
    context.create_stream(theirs).await.unwrap();
    let before = config(&context, "NEXUS_EVENTS").await;
    let bus = server.bus_as(Role::ControlPlane).await;

    let error = topology::ensure(&bus, Replicas(1)).await.unwrap_err();
    let TopologyError::Drift {
        stream,
        differences,
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(stream, "NEXUS_EVENTS");
    let mut settings: Vec<_> = differences.iter().map(|d| d.setting.as_str()).collect();
    settings.sort_unstable();
    assert_eq!(
        settings,
        [
            "deny_delete",
            "deny_purge",
            "discard",
            "max_msgs",
            "subjects"
        ]
    );
    let text = error.to_string();
    assert!(text.contains("max_msgs: is 5, must be null"), "{text}");
    assert_eq!(
        config(&context, "NEXUS_EVENTS").await,
        before,
        "nothing was changed"
    );
}
