//! Numbered reports survive init and are never told twice.

use nexus_init_protocol::{FailureCode, Readiness};

use crate::harness::{Init, read_until_finished};

#[tokio::test]
async fn a_returning_worker_resumes_at_its_number() {
    let init = Init::start().await;
    let (readiness, reports) = init.set_up(&init.plan("op-1", 1)).await;
    assert_eq!(readiness, Readiness::Ready);
    let numbers: Vec<u64> = reports.iter().map(|report| report.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(
        reports
            .iter()
            .all(|report| report.operation == "op-1" && report.epoch == 1)
    );
    let middle = numbers[numbers.len() / 2];
    let mut rest = init.client.reports_so_far(middle).await.unwrap();
    let first = rest.next().await.unwrap().unwrap();
    assert_eq!(first.number, middle + 1);
    let boot = init.client.welcome().unwrap().boot_id.clone();

    let again = Init::start_in(init.kill().await).await;
    assert_ne!(again.client.welcome().unwrap().boot_id, boot);
    let mut all = again.client.reports_so_far(0).await.unwrap();
    let mut seen = Vec::new();
    while let Some(report) = all.next().await.unwrap() {
        seen.push(report);
    }
    assert_eq!(
        seen, reports,
        "nothing lost, nothing doubled, nothing changed"
    );
}

#[tokio::test]
async fn a_plan_is_taken_once_and_an_old_one_refused() {
    let init = Init::start().await;
    let plan = init.plan("op-2", 5);
    init.set_up(&plan).await;
    assert!(
        init.client.apply(&plan).await.unwrap(),
        "the same plan is known"
    );
    let before = init.client.status().await.unwrap().last_report;
    let error = init.client.apply(&init.plan("op-1", 4)).await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, FailureCode::Stale);
    let status = init.client.status().await.unwrap();
    assert_eq!(status.last_report, before, "nothing was done");
    assert_eq!(status.setup.unwrap().operation, "op-2");
    let error = init.client.apply(&init.plan("", 6)).await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, FailureCode::Invalid);
}

#[tokio::test]
async fn a_newer_plan_takes_over_from_one_under_way() {
    let init = Init::start().await;
    let mut slow = init.plan("op-1", 1);
    let hook = nexus_init_protocol::CommandLine::Shell("sleep 1000".to_owned());
    slow.hooks.post_start = vec![hook];
    init.client.apply(&slow).await.unwrap();
    let (readiness, _) = init.set_up(&init.plan("op-2", 2)).await;
    assert_ne!(
        readiness,
        Readiness::Failed {
            step: nexus_init_protocol::StepName::Hooks
        }
    );
    let mut all = init.client.reports(0).await.unwrap();
    let (first, _) = read_until_finished(&mut all).await;
    assert_eq!(first, Readiness::Superseded);
    let (second, reports) = read_until_finished(&mut all).await;
    assert_eq!(second, Readiness::Ready);
    assert!(reports.iter().all(|report| report.operation == "op-2"));
}
