//! Entries of previews on a real server: kept for every replica, closed for all that came before.

use std::time::Duration;

use nexus_events::id::{UserId, WorkspaceId};
use nexus_nats::preview_entries::{PreviewEntries, PreviewOf, ShownOut};
use nexus_nats::testing::TestServer;

async fn closes_what_came_before(entries: PreviewEntries, other: PreviewEntries) {
    let preview = PreviewOf {
        workspace: WorkspaceId::derived("w"),
        port: 3000,
    };
    let elsewhere = PreviewOf {
        port: 3001,
        ..preview
    };
    let (ada, bob) = (UserId::derived("ada"), UserId::derived("bob"));
    let mut closings = other.follow();
    let first = entries.keep(preview, &[1; 32], "one".into()).await.unwrap();
    let kept = other.entry(preview, &[1; 32]).await.unwrap();
    assert_eq!(kept, Some(("one".into(), first)));
    assert_eq!(other.entry(elsewhere, &[1; 32]).await.unwrap(), None);
    assert_eq!(other.closed(preview, Some(ada)).await.unwrap(), 0);

    let who = ShownOut::User(ada);
    entries.close(preview, who).await.unwrap();
    let told = tokio::time::timeout(Duration::from_secs(1), closings.next());
    let told = told.await.expect("within a second").unwrap();
    assert_eq!((told.preview, told.who), (preview, who));
    assert!(told.sequence > first);
    assert_eq!(
        other.closed(preview, Some(ada)).await.unwrap(),
        told.sequence
    );
    assert_eq!(other.closed(preview, Some(bob)).await.unwrap(), 0);

    let second = other.keep(preview, &[2; 32], "two".into()).await.unwrap();
    assert!(second > told.sequence);
    entries.close(preview, ShownOut::Everybody).await.unwrap();
    let told = closings.next().await.unwrap();
    assert_eq!(told.who, ShownOut::Everybody);
    for user in [Some(ada), Some(bob), None] {
        assert_eq!(
            other.closed(preview, user).await.unwrap(),
            told.sequence,
            "{user:?}"
        );
    }
    assert_eq!(other.closed(elsewhere, None).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_closed_on_one_connection_is_closed_on_all() {
    let server = TestServer::start().await;
    let (one, other) = (server.bus().await, server.bus().await);
    let (one, other) = (PreviewEntries::on(&one), PreviewEntries::on(&other));
    closes_what_came_before(one, other).await;
    let memory = PreviewEntries::memory();
    closes_what_came_before(memory.clone(), memory).await;
}
