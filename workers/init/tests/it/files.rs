//! Small files through the protocol.

use nexus_init_protocol::FailureCode;
use nexus_init_protocol::file::{FileType, FileWrite, MAX_FILE};

use crate::harness::Init;

#[tokio::test]
async fn files_are_written_read_listed_and_removed() {
    let init = Init::start().await;
    let path = |name: &str| init.path(name).display().to_string();
    let content: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    let mut file = FileWrite::new(path("a/file"));
    file.make_parents = true;
    file.mode = 0o640;
    init.client.write_file(&file, &content).await.unwrap();
    let (info, read) = init.client.read_file(&path("a/file")).await.unwrap();
    assert_eq!((info.mode, info.size), (0o640, 200_000));
    assert_eq!(read, content);
    init.client.write_file(&file, b"").await.unwrap();
    assert_eq!(init.client.read_file(&path("a/file")).await.unwrap().1, b"");
    let listed = init.client.list_directory(&path("a")).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].name.as_str(), listed[0].file_type),
        ("file", FileType::File)
    );
    init.client.remove_file(&path("a"), true).await.unwrap();
    init.client.remove_file(&path("a"), true).await.unwrap();
    assert!(!init.path("a").exists());
}

#[tokio::test]
async fn failures_have_a_code_and_name_the_path() {
    let init = Init::start().await;
    let missing = init.path("missing").display().to_string();
    let error = init.client.read_file(&missing).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.code, FailureCode::NotFound);
    assert!(failure.message.contains(&missing));
    let error = init.client.list_directory(&missing).await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, FailureCode::NotFound);
    let huge = vec![0; MAX_FILE as usize + 1];
    let error = init
        .client
        .write_file(&FileWrite::new(missing), &huge)
        .await
        .unwrap_err();
    assert_eq!(
        error.failure().map(|failure| failure.code),
        Some(FailureCode::TooLarge)
    );
}
