//! Output of steps, read back and followed.

use jiff::Timestamp;
use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::work::{OutputChunk, OutputStream};
use nexus_events::workspace::Step;
use nexus_nats::testing::TestServer;
use nexus_nats::{Follow, LogFilter, StepLogs};
use uuid::Uuid;

use crate::sample::{soon, workspace};

fn chunk(workspace: WorkspaceId, operation: OperationId, step: Step, text: &str) -> OutputChunk {
    let stream = OutputStream::Stdout;
    OutputChunk {
        at: Timestamp::now(),
        workspace,
        operation,
        step,
        stream,
        text: text.into(),
    }
}

async fn all(logs: &StepLogs, filter: LogFilter) -> Vec<String> {
    let mut reader = logs.read(filter, Follow::No);
    let mut texts = Vec::new();
    while let Some(stored) = soon("the end", reader.next()).await.unwrap() {
        texts.push(stored.chunk.text);
    }
    texts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_is_read_by_workspace_operation_and_step() {
    let server = TestServer::start().await;
    let logs = StepLogs::on(&server.bus().await);
    let (here, there) = (workspace(), workspace());
    let [first, second] = [1, 2].map(|n| OperationId::from_uuid(Uuid::from_u128(n)));
    assert_eq!(all(&logs, LogFilter::of(here)).await, Vec::<String>::new());
    for chunk in [
        chunk(here, first, Step::Clone, "a"),
        chunk(there, first, Step::Clone, "elsewhere"),
        chunk(here, first, Step::Service("web".parse().unwrap()), "b"),
        chunk(here, second, Step::Clone, "c"),
    ] {
        logs.publish(&chunk).await.unwrap();
    }
    let of = || LogFilter::of(here);
    assert_eq!(all(&logs, of()).await, ["a", "b", "c"]);
    assert_eq!(all(&logs, of().operation(first)).await, ["a", "b"]);
    assert_eq!(all(&logs, of().step(Step::Clone)).await, ["a", "c"]);
    assert_eq!(
        all(&logs, of().operation(second).step(Step::Clone)).await,
        ["c"]
    );
    assert_eq!(all(&logs, of().after(1)).await, ["b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_gets_what_comes_also_after_a_kill() {
    let server = TestServer::start().await;
    let logs = StepLogs::on(&server.bus().await);
    let (workspace, operation) = (workspace(), OperationId::from_uuid(Uuid::now_v7()));
    let mut reader = logs.read(LogFilter::of(workspace), Follow::Yes);
    for round in 0..3 {
        let text = round.to_string();
        logs.publish(&chunk(workspace, operation, Step::Install, &text))
            .await
            .unwrap();
        let stored = soon("it", reader.next()).await.unwrap().unwrap();
        assert_eq!(stored.chunk.text, text);
        if round == 1 {
            server.kill();
            server.restart().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_output_arrives_whole() {
    let server = TestServer::start().await;
    let logs = StepLogs::on(&server.bus().await);
    let (workspace, operation) = (workspace(), OperationId::from_uuid(Uuid::now_v7()));
    let text = "\u{1}ä".repeat(200_000);
    logs.publish(&chunk(workspace, operation, Step::Install, &text))
        .await
        .unwrap();
    assert!(all(&logs, LogFilter::of(workspace)).await.concat() == text);
}
