//! Services: order, health, restarts, partial readiness.

use nexus_init_protocol::client::ReportStream;
use nexus_init_protocol::{
    CommandLine, HealthCheck, HealthProbe, Readiness, ReportEvent, RestartPolicy, ServicePhase,
};

use crate::harness::{Init, free_port, in_time, outline, service, web_service};

/// Reads reports until one fits.
async fn read_until(stream: &mut ReportStream, fits: impl Fn(&ReportEvent) -> bool) -> ReportEvent {
    loop {
        let report = in_time(stream.next()).await.unwrap().unwrap();
        if fits(&report.event) {
            return report.event;
        }
    }
}

#[tokio::test]
async fn healthy_services_answer_and_failing_ones_make_it_partial() {
    let init = Init::start().await;
    let port = free_port();
    let mut silent = web_service("silent", free_port());
    silent.command = CommandLine::Shell("exec sleep 1000".to_owned());
    silent.health_check.as_mut().unwrap().start_timeout_ms = 150;
    let mut waits = service("waits", "exec sleep 1000");
    waits.depends_on = vec!["silent".to_owned()];
    let mut plan = init.plan("op-1", 1);
    plan.services = vec![
        waits,
        web_service("web", port),
        service("crashes", "echo last words; exit 3"),
        silent,
        service("task", "true"),
    ];
    let (readiness, reports) = init.set_up(&plan).await;
    let Readiness::Partial {
        mut failed_services,
        failed_steps,
    } = readiness
    else {
        panic!("{:?}", outline(&reports));
    };
    failed_services.sort();
    assert_eq!(failed_services, ["crashes", "silent", "waits"]);
    assert!(failed_steps.is_empty());
    let last_words = reports.iter().find_map(|report| match &report.event {
        ReportEvent::ServiceExited {
            service,
            last_lines,
            ..
        } if service == "crashes" => Some(last_lines.clone()),
        _ => None,
    });
    assert_eq!(last_words.unwrap(), ["last words"]);
    let states = init.client.status().await.unwrap().services;
    let phase = |name: &str| {
        states
            .iter()
            .find(|state| state.name == name)
            .unwrap()
            .phase
            .clone()
    };
    assert_eq!(phase("web"), ServicePhase::Healthy);
    assert_eq!(phase("task"), ServicePhase::Completed);
    assert!(matches!(phase("silent"), ServicePhase::Unhealthy { .. }));
    assert!(matches!(phase("waits"), ServicePhase::Failed { cause } if cause.contains("silent")));
}

#[tokio::test]
async fn a_crashing_service_is_started_again_until_it_is_given_up() {
    let init = Init::start().await;
    let mut crashing = service("crashing", "exit 1");
    crashing.restart = RestartPolicy::OnFailure {
        max_restarts: 2,
        backoff_ms: 10,
    };
    let mut plan = init.plan("op-1", 1);
    plan.services = vec![crashing];
    let (readiness, reports) = init.set_up(&plan).await;
    assert!(matches!(readiness, Readiness::Partial { .. }));
    let attempts: Vec<String> = outline(&reports)
        .into_iter()
        .filter(|line| line.starts_with("starting"))
        .collect();
    assert_eq!(
        attempts,
        [
            "starting crashing 0",
            "starting crashing 1",
            "starting crashing 2"
        ]
    );
    let state = init.client.status().await.unwrap().services.remove(0);
    assert_eq!(state.restarts, 2);
    assert!(matches!(state.phase, ServicePhase::Failed { .. }));
}

#[tokio::test]
async fn a_service_that_dies_later_comes_back_and_is_healthy_again() {
    let init = Init::start().await;
    let mut web = web_service("web", free_port());
    web.restart = RestartPolicy::OnFailure {
        max_restarts: 3,
        backoff_ms: 10,
    };
    let mut plan = init.plan("op-1", 1);
    plan.services = vec![web];
    let (readiness, reports) = init.set_up(&plan).await;
    assert_eq!(readiness, Readiness::Ready, "{:?}", outline(&reports));
    let state = init.client.status().await.unwrap().services.remove(0);
    let after = reports.last().unwrap().number;
    let mut stream = init.client.reports(after).await.unwrap();
    init.run(&["kill", "-9", &state.process_id.unwrap().to_string()])
        .await;
    let exited = read_until(&mut stream, |event| {
        matches!(event, ReportEvent::ServiceExited { .. })
    });
    let ReportEvent::ServiceExited { restart_in_ms, .. } = exited.await else {
        unreachable!("the only event that fits");
    };
    assert_eq!(restart_in_ms, Some(10));
    read_until(&mut stream, |event| {
        matches!(event, ReportEvent::ServiceHealthy { .. })
    })
    .await;
}

#[tokio::test]
async fn health_is_watched_after_the_start() {
    let init = Init::start().await;
    let flag = init.path("flag");
    std::fs::write(&flag, "").unwrap();
    let mut watched = service("watched", "exec sleep 1000");
    watched.health_check = Some(HealthCheck {
        interval_ms: 20,
        retries: 2,
        ..HealthCheck::new(HealthProbe::Exec {
            command: CommandLine::Shell(format!("test -e {}", flag.display())),
        })
    });
    let mut plan = init.plan("op-1", 1);
    plan.services = vec![watched];
    let (readiness, reports) = init.set_up(&plan).await;
    assert_eq!(readiness, Readiness::Ready, "{:?}", outline(&reports));
    let mut stream = init
        .client
        .reports(reports.last().unwrap().number)
        .await
        .unwrap();
    std::fs::remove_file(&flag).unwrap();
    read_until(&mut stream, |event| {
        matches!(event, ReportEvent::ServiceUnhealthy { .. })
    })
    .await;
    std::fs::write(&flag, "").unwrap();
    read_until(&mut stream, |event| {
        matches!(event, ReportEvent::ServiceHealthy { .. })
    })
    .await;
}

#[tokio::test]
async fn the_same_healthy_services_are_left_alone_by_a_new_plan() {
    let init = Init::start().await;
    let mut plan = init.plan("op-1", 1);
    plan.services = vec![web_service("web", free_port())];
    init.set_up(&plan).await;
    let before = init
        .client
        .status()
        .await
        .unwrap()
        .services
        .remove(0)
        .process_id;
    plan.operation = "op-2".to_owned();
    plan.epoch = 2;
    init.set_up(&plan).await;
    assert_eq!(
        init.client
            .status()
            .await
            .unwrap()
            .services
            .remove(0)
            .process_id,
        before
    );
    plan.services.push(service("task", "true"));
    plan.operation = "op-3".to_owned();
    plan.epoch = 3;
    let (readiness, reports) = init.set_up(&plan).await;
    assert_eq!(readiness, Readiness::Ready, "{:?}", outline(&reports));
    let services = init.client.status().await.unwrap().services;
    assert_ne!(services[0].process_id, before);
    assert_eq!(services.len(), 2);
}
