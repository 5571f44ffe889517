//! Names and ports: one holder each, and nothing left behind by whoever lost.

use std::sync::Arc;

use nexus_control_plane::backbone::Backbone;
use nexus_control_plane::commands::CommandError;
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::spec::Provider;
use nexus_nats::MemoryBus;
use nexus_nats::memory::{Call, Carrying, Effect, Lost, Wire};
use nexus_nats::testing::TestServer;
use tokio::sync::watch;

use crate::world::{World, new_workspace};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_that_want_one_name_one_gets_it() {
    let server = TestServer::start().await;
    let world = World::over(Backbone::on(&server.bus().await)).await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (app, context) = (world.app.clone(), world.context());
        racing.spawn(async move {
            app.commands()
                .create_workspace(&ada, new_workspace("hello"), None, &context)
                .await
        });
    }
    let mut won = 0;
    while let Some(raced) = racing.join_next().await {
        match raced.unwrap() {
            Ok(_) => won += 1,
            Err(CommandError::NameTaken { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(world.held().await.len(), 2, "the winner's name and port");
    world.plane.shutdown().await;
}

#[tokio::test]
async fn with_no_port_left_nothing_is_claimed() {
    let world = World::with(Backbone::memory(), |settings| {
        settings.ssh_ports = vec![2222..=2222, 32800..=32800];
    })
    .await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let first = world.create(&ada, "one").await;
    let second = world.create(&ada, "two").await;
    assert_eq!((first.ssh_port, second.ssh_port), (Some(2222), Some(32800)));
    let held = world.held().await;

    let context = world.context();
    let refused = world
        .app
        .commands()
        .create_workspace(&ada, new_workspace("three"), None, &context)
        .await;
    let problem = Problem::from(refused.unwrap_err());
    assert_eq!(problem.code, ProblemCode::PortPoolEmpty);
    assert!(problem.detail.contains("2222-2222"), "{problem:?}");
    assert_eq!(world.held().await, held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_at_once_get_twenty_ports() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let mut racing = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (app, context) = (world.app.clone(), world.context());
        let request = new_workspace(&format!("w{number}"));
        racing.spawn(async move {
            app.commands()
                .create_workspace(&ada, request, None, &context)
                .await
                .unwrap()
                .ssh_port
        });
    }
    let ports: std::collections::BTreeSet<_> = racing.join_all().await.into_iter().collect();
    assert_eq!(ports.len(), 20);
}

/// A way to the bus on which the read model can be kept from getting on, and a request from arriving.
#[derive(Debug)]
struct Gate {
    stale: watch::Sender<bool>,
    /// Whether requests of workspaces get lost, and since when one waits for that.
    closed: watch::Sender<bool>,
    waiting: watch::Sender<bool>,
    /// Whether claims of ports get lost.
    portless: watch::Sender<bool>,
}

impl Gate {
    fn open() -> Arc<Self> {
        let no = || watch::Sender::new(false);
        Arc::new(Self {
            stale: no(),
            closed: no(),
            waiting: no(),
            portless: no(),
        })
    }
}

impl Wire for Gate {
    fn carry(&self, call: Call, effect: Effect) -> Carrying {
        let (mut stale, mut closed) = (self.stale.subscribe(), self.closed.subscribe());
        match call {
            Call::Follow => Box::pin(async move {
                let _open = stale.wait_for(|stale| !stale).await;
                effect();
                Ok(())
            }),
            Call::Append { event_type, .. }
                if *closed.borrow() && event_type == "nexus.workspace.requested.v1" =>
            {
                self.waiting.send_replace(true);
                Box::pin(async move {
                    let _open = closed.wait_for(|closed| !closed).await;
                    Err(Lost::OnTheWay)
                })
            }
            Call::Append { subject, .. }
                if *self.portless.borrow() && subject.contains(".claim.port-") =>
            {
                Box::pin(std::future::ready(Err(Lost::OnTheWay)))
            }
            _ => {
                effect();
                Box::pin(std::future::ready(Ok(())))
            }
        }
    }
}

#[tokio::test]
async fn a_request_sent_again_holds_what_its_first_attempt_let_go_of() {
    let gate = Gate::open();
    let bus = MemoryBus::default().over(gate.clone());
    let world = World::over(Backbone::in_memory(&bus)).await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    gate.closed.send_replace(true);
    let first = tokio::spawn({
        let (app, context) = (world.app.clone(), world.keyed("once"));
        async move {
            let commands = app.commands();
            commands
                .create_workspace(&ada, new_workspace("hello"), None, &context)
                .await
        }
    });
    let mut waiting = gate.waiting.subscribe();
    waiting.wait_for(|waiting| *waiting).await.unwrap();
    assert_eq!(world.held().await.len(), 2, "name and port, and projected");
    gate.stale.send_replace(true);
    gate.closed.send_replace(false);
    first.await.unwrap().unwrap_err();

    let (commands, context) = (world.app.commands(), world.keyed("once"));
    let again = commands.create_workspace(&ada, new_workspace("hello"), None, &context);
    let created = again.await.unwrap();
    gate.stale.send_replace(false);
    let held = world.held().await;
    let port = format!("port-{}", created.ssh_port.unwrap());
    assert!(held.len() == 2 && held.contains(&port), "{port}: {held:?}");
}

#[tokio::test]
async fn a_request_sent_again_lets_go_of_nothing_that_its_first_attempt_holds() {
    let gate = Gate::open();
    let bus = MemoryBus::default().over(gate.clone());
    let world = World::over(Backbone::in_memory(&bus)).await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    gate.stale.send_replace(true);
    let (commands, context) = (world.app.commands(), world.keyed("once"));
    let create = || commands.create_workspace(&ada, new_workspace("hello"), None, &context);
    let created = create().await.unwrap();
    gate.portless.send_replace(true);
    create().await.unwrap_err();
    gate.portless.send_replace(false);
    gate.stale.send_replace(false);

    let held = world.held().await;
    let port = format!("port-{}", created.ssh_port.unwrap());
    let is_name = |claim: &String| claim.starts_with("name-") && claim.ends_with("-hello");
    assert!(held.contains(&port), "{port}: {held:?}");
    assert!(held.iter().any(is_name), "{held:?}");
    assert_eq!(create().await.unwrap().workspace, created.workspace);
}
