//! Nodes.

use jiff::Timestamp;
use nexus_events::node::NodeStatus;
use nexus_events::view::NodeView;

use super::Row;
use crate::duration;

impl Row for NodeView {
    const HEADINGS: &'static [&'static str] = &[
        "NODE",
        "PROVIDER",
        "STATUS",
        "HEARD",
        "BUSY",
        "WORKSPACES",
        "ENGINE",
        "HOST",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.profile.provider.to_string(),
            status_text(self.status).into(),
            self.last_heard.map_or(String::new(), heard),
            format!("{}/{}", self.running.len(), self.profile.slots),
            self.workspaces.to_string(),
            self.profile.engine.clone(),
            self.profile.hostname.clone(),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

fn heard(at: Timestamp) -> String {
    format!(
        "{} ago",
        duration::show(duration::between(at, Timestamp::now()))
    )
}

const fn status_text(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Absent => "absent",
        NodeStatus::Online => "online",
        NodeStatus::Draining => "draining",
        NodeStatus::Lost => "lost",
        NodeStatus::Left => "left",
    }
}
