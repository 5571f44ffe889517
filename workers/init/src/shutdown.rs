//! The end: TERM to everything, a grace, KILL to what is left.

use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::Signal;
use rustix::process::{Pid, Signal as SystemSignal, kill_process};

use crate::process::signal_group;
use crate::workspace::Workspace;

/// How long viewers of terminals have to take the last output and the end.
const LAST_WORDS: Duration = Duration::from_millis(500);

const POLL: Duration = Duration::from_millis(5);

/// Ends every process of the workspace but init.
pub(crate) async fn shut_down(workspace: &Arc<Workspace>, grace: Duration) {
    workspace.setup.abort();
    let services = workspace.services.stop_all(grace);
    let others = end_sessions(workspace, grace);
    tokio::join!(services, others);
    kill_descendants();
    crate::setup::secrets::remove_directory(workspace);
}

async fn end_sessions(workspace: &Arc<Workspace>, grace: Duration) {
    let mut groups = workspace.terminals.process_ids();
    groups.extend(workspace.execs.process_ids());
    for group in &groups {
        signal_group(*group, Signal::Hup);
        signal_group(*group, Signal::Term);
    }
    let deadline = tokio::time::Instant::now() + grace;
    let is_running = || {
        !workspace.terminals.process_ids().is_empty() || !workspace.execs.process_ids().is_empty()
    };
    while is_running() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    for group in groups {
        signal_group(group, Signal::Kill);
    }
    // Who watches is told the end, before children are waited for in any other way.
    let _slow_viewer = tokio::time::timeout(LAST_WORDS, workspace.terminals.unwatched()).await;
}

/// Whatever left its group is still our descendant, since orphans come to us.
fn kill_descendants() {
    for _generation in 0..64 {
        let children = children_of_this_process();
        if children.is_empty() {
            return;
        }
        for child in children {
            let _gone_already = kill_process(child, SystemSignal::KILL);
        }
        while rustix::process::wait(rustix::process::WaitOptions::NOHANG)
            .is_ok_and(|ended| ended.is_some())
        {}
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn children_of_this_process() -> Vec<Pid> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let lists = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let numbers = lists.flat_map(|list| {
        list.split_whitespace()
            .filter_map(|text| text.parse().ok())
            .collect::<Vec<i32>>()
    });
    numbers.filter_map(Pid::from_raw).collect()
}
