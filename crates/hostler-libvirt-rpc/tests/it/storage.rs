//! Contents of volumes, up and down, through a real directory pool of a session daemon.

use hostler_libvirt_rpc::{Connection, Error, ErrorCode, Overflow, StorageVol, StreamOptions};

use crate::daemon::{Daemon, eventually, quiet};

const SIZE: usize = 3 * 1024 * 1024 + 17;

/// Bytes in which every place is told from every other.
fn pattern() -> Vec<u8> {
    (0..SIZE).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

async fn volume(daemon: &Daemon) -> (Connection, StorageVol) {
    let connection = daemon.open("qemu", "/session", quiet()).await;
    let path = daemon.path().join("images");
    let xml = format!(
        "<pool type='dir'><name>p</name><target><path>{}</path></target></pool>",
        path.display()
    );
    let pool = connection.storage_pool_create_xml(&xml, 0).await.unwrap();
    let xml = format!("<volume><name>v</name><capacity>{SIZE}</capacity></volume>");
    let volume = connection.storage_vol_create_xml(&pool, &xml, 0).await.unwrap();
    (connection, volume)
}

async fn upload(connection: &Connection, volume: &StorageVol, offset: u64, data: &[u8]) {
    let (length, options) = (data.len() as u64, StreamOptions::default());
    let stream = connection.storage_vol_upload(volume, offset, length, 0, options).await.unwrap();
    stream.send(data).await.unwrap();
    stream.finish().await.unwrap();
}

async fn download(
    connection: &Connection,
    volume: &StorageVol,
    offset: u64,
    length: u64,
) -> Vec<u8> {
    let options = StreamOptions::dedicated();
    let stream = connection.storage_vol_download(volume, offset, length, 0, options).await.unwrap();
    let data = stream.read_to_end(2 * SIZE).await.unwrap();
    stream.finish().await.unwrap();
    data
}

#[tokio::test]
async fn what_is_uploaded_is_on_the_disk_and_downloaded_again() {
    let daemon = Daemon::start().await;
    let (connection, volume) = volume(&daemon).await;
    let data = pattern();
    upload(&connection, &volume, 0, &data).await;
    assert!(std::fs::read(daemon.path().join("images/v")).unwrap() == data);
    assert!(download(&connection, &volume, 0, 0).await == data);
    // A part in the middle, both ways.
    upload(&connection, &volume, 1_000_001, b"in the middle").await;
    assert_eq!(download(&connection, &volume, 1_000_001, 13).await, b"in the middle");
    assert_eq!(download(&connection, &volume, SIZE as u64 - 5, 0).await, data[SIZE - 5..]);
    assert_eq!(connection.open_streams(), 0);

    connection.storage_vol_wipe(&volume, 0).await.unwrap();
    assert!(download(&connection, &volume, 0, 0).await.iter().all(|byte| *byte == 0));
    let bigger = 2 * SIZE as u64;
    connection.storage_vol_resize(&volume, bigger, 0).await.unwrap();
    assert_eq!(connection.storage_vol_info(&volume).await.unwrap().capacity_bytes, bigger);
    assert!(connection.storage_vol_xml(&volume, 0).await.unwrap().contains("<name>v</name>"));
    connection.storage_vol_delete(&volume, 0).await.unwrap();
    assert!(!daemon.path().join("images/v").exists());
}

#[tokio::test]
async fn a_stream_that_cannot_be_opened_is_an_ordinary_error() {
    let daemon = Daemon::start().await;
    let (connection, volume) = volume(&daemon).await;
    let missing = StorageVol { name: "w".into(), key: "/w".into(), ..volume };
    let options = StreamOptions::default();
    let error = connection.storage_vol_download(&missing, 0, 0, 0, options).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NO_STORAGE_VOL));
    assert_eq!((connection.open_streams(), connection.in_flight()), (0, 0));
}

#[tokio::test]
async fn more_than_was_announced_is_refused_by_the_daemon() {
    let daemon = Daemon::start().await;
    let (connection, volume) = volume(&daemon).await;
    let options = StreamOptions::default();
    let stream = connection.storage_vol_upload(&volume, 0, 4, 0, options).await.unwrap();
    // The error comes when the daemon has seen the data: at the latest instead of the confirmation.
    let sent = stream.send(b"twelve bytes").await;
    let error = match sent {
        Ok(()) => stream.finish().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, Error::Remote { .. }), "{error}");
    connection.hostname().await.unwrap();
    eventually("the stream is gone", || connection.open_streams() == 0).await;
}

#[tokio::test]
async fn a_slow_reader_loses_its_stream_and_nobody_else_anything() {
    let daemon = Daemon::start().await;
    let (connection, volume) = volume(&daemon).await;
    upload(&connection, &volume, 0, &pattern()).await;
    let options = StreamOptions { buffer_bytes: 300_000, overflow: Overflow::AbortStream };
    let stream = connection.storage_vol_download(&volume, 0, 0, 0, options).await.unwrap();
    // Nobody reads; calls are answered all the same, and the daemon hears of the abort.
    connection.hostname().await.unwrap();
    eventually("the stream is given up", || connection.open_streams() == 0).await;
    connection.hostname().await.unwrap();
    let mut read = 0;
    let error = loop {
        match stream.recv().await {
            Ok(chunk) => read += chunk.expect("no end of data").len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::StreamOverflow { limit_bytes: 300_000, .. }), "{error}");
    assert!(read > 0 && read <= 300_000);
}

#[tokio::test]
async fn a_dropped_stream_is_aborted_and_forgotten() {
    let daemon = Daemon::start().await;
    let (connection, volume) = volume(&daemon).await;
    upload(&connection, &volume, 0, &pattern()).await;
    for options in [StreamOptions::default(), StreamOptions::dedicated()] {
        let stream = connection.storage_vol_download(&volume, 0, 0, 0, options).await.unwrap();
        assert!(stream.recv().await.unwrap().is_some());
        drop(stream);
        connection.hostname().await.unwrap();
        eventually("the stream is gone", || connection.open_streams() == 0).await;
    }
    let options = StreamOptions::default();
    let stream = connection.storage_vol_upload(&volume, 0, 0, 0, options).await.unwrap();
    stream.send(&pattern()).await.unwrap();
    stream.abort().await.unwrap();
    assert_eq!(connection.open_streams(), 0);
}
