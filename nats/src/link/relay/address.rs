//! Where frames of a stream are sent: two families of subjects, one a direction.

use async_nats::Subject;
use nexus_events::id::NodeId;
use uuid::Uuid;

/// What leads to workers; a node and a stream follow.
pub(crate) const TO_WORKERS: &str = "nexus.link";

/// What leads to gateways; the node that answers, a gateway and a stream follow. Apart from the
/// other replies, which a worker must not be able to forge; and with the node in it, so that one
/// worker cannot speak for another.
pub(crate) const TO_GATEWAYS: &str = "_INBOX_control-plane.link";

/// A stream, on both sides. Nobody guesses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::link) struct StreamId(Uuid);

impl StreamId {
    pub(in crate::link) fn draw() -> Self {
        Self(Uuid::now_v7())
    }

    pub(in crate::link) const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    pub(in crate::link) const fn uuid(&self) -> Uuid {
        self.0
    }

    /// The stream a message on `subject` is about.
    pub(in crate::link) fn of(subject: &str) -> Option<Self> {
        let (_, last) = subject.rsplit_once('.')?;
        Uuid::try_parse(last).ok().map(Self)
    }
}

/// Where one side of a link hears everything of its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::link) enum Side {
    /// The worker of a node.
    Worker(NodeId),
    /// One `nexusd`, since it was started.
    Gateway(Uuid),
}

impl Side {
    /// The subject for one stream with `node`.
    pub(in crate::link) fn subject(&self, node: NodeId, stream: StreamId) -> Subject {
        let stream = stream.0.simple();
        match self {
            Self::Worker(_) => format!("{TO_WORKERS}.{node}.{stream}").into(),
            Self::Gateway(gateway) => {
                format!("{TO_GATEWAYS}.{node}.{}.{stream}", gateway.simple()).into()
            }
        }
    }

    /// The subject of all its streams.
    pub(super) fn all(&self) -> String {
        match self {
            Self::Worker(node) => format!("{TO_WORKERS}.{node}.*"),
            Self::Gateway(gateway) => format!("{TO_GATEWAYS}.*.{}.*", gateway.simple()),
        }
    }

    /// Whether frames from this side may be answered on `subject`: a subject somebody names is
    /// used only when it leads to streams of the other kind, and to nothing else.
    pub(in crate::link) fn may_answer(&self, subject: &str) -> bool {
        let family = match self {
            Self::Worker(node) => format!("{TO_GATEWAYS}.{node}"),
            Self::Gateway(_) => TO_WORKERS.to_owned(),
        };
        let rest = subject
            .strip_prefix(&family)
            .and_then(|rest| rest.strip_prefix('.'));
        let mut tokens = rest.unwrap_or_default().split('.');
        let plain = |token: &str| {
            !token.is_empty()
                && token
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        tokens.next().is_some_and(plain) && StreamId::of(subject).is_some() && tokens.count() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_other_side_is_answered() {
        let node = NodeId::from_uuid(Uuid::now_v7());
        let worker = Side::Worker(node);
        let gateway = Side::Gateway(Uuid::now_v7());
        let stream = StreamId::draw();
        assert!(gateway.may_answer(&worker.subject(node, stream)));
        assert!(worker.may_answer(&gateway.subject(node, stream)));
        assert!(!worker.may_answer(&worker.subject(node, stream)));
        let other = NodeId::from_uuid(Uuid::now_v7());
        assert!(!worker.may_answer(&gateway.subject(other, stream)));
        let id = Uuid::now_v7().simple().to_string();
        for elsewhere in [
            format!("nexus.evt.workspace.{id}"),
            format!("nexus.link.{id}"),
            format!("nexus.link.*.{id}"),
            format!("nexus.link..{id}"),
            format!("nexus.link.a.b.{id}"),
            format!("nexus.linked.a.{id}"),
            format!("$JS.API.STREAM.INFO.{id}"),
            "nexus.link.a.b".into(),
        ] {
            assert!(!gateway.may_answer(&elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_stream_is_told_by_the_last_token() {
        let stream = StreamId::draw();
        let node = NodeId::from_uuid(Uuid::now_v7());
        for side in [Side::Gateway(Uuid::now_v7()), Side::Worker(node)] {
            let subject = side.subject(node, stream);
            assert_eq!(StreamId::of(&subject), Some(stream));
            let (all, subject) = (side.all(), subject.to_string());
            let pairs = all.split('.').zip(subject.split('.'));
            assert_eq!(all.split('.').count(), subject.split('.').count());
            assert!(pairs.into_iter().all(|(all, one)| all == "*" || all == one));
        }
    }
}
