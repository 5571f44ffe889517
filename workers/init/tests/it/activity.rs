//! Who is at work, source by source.

use nexus_init_protocol::{ActivitySource, ReportEvent};

use crate::harness::{Init, in_time};

#[tokio::test]
async fn what_a_person_left_running_is_activity_while_it_works() {
    let init = Init::start().await;
    let mut plan = init.plan("op-1", 1);
    plan.activity_interval_ms = 200;
    init.set_up(&plan).await;
    let mut reports = init.client.reports(0).await.unwrap();
    let left = "setsid timeout 60 sh -c 'while :; do :; done' > /dev/null 2>&1 & echo $!";
    let output = init.run(&["sh", "-c", left]).await;
    let ended = init.client.activity().await.unwrap().last_ms().unwrap();
    in_time(async {
        let mut later = 0;
        while later < 3 {
            let report = reports.next().await.unwrap().unwrap();
            if let ReportEvent::Activity { source, last_ms } = report.event {
                assert_eq!(source, ActivitySource::Process);
                later += u32::from(last_ms > ended);
            }
        }
    })
    .await;
    let group = String::from_utf8(output.stdout).unwrap();
    let pid = rustix::process::Pid::from_raw(group.trim().parse().unwrap()).unwrap();
    let _ends_with_init_otherwise =
        rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
}
