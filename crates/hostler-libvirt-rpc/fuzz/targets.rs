//! What the fuzzer runs, and the tests over the corpus as well: any bytes from a daemon, and any
//! text of a user, give a value or an error.

use bytes::Bytes;
use hostler_libvirt_rpc::frame::Frame;
use hostler_libvirt_rpc::procedure::{Procedure, REMOTE_PROGRAM};
use hostler_libvirt_rpc::xdr::{Decode, Opaque, from_bytes, to_bytes};
use hostler_libvirt_rpc::{
    BlockInfo, BlockJobInfo, ConnectUri, DhcpLease, DiskError, Domain, DomainInfo, DomainInterface,
    DomainSnapshot, DomainState, DomainStats, Event, FilesystemInfo, JobInfo, JobStats, MemoryStat,
    NamedStat, Network, NodeDevice, NodeInfo, NwFilter, RemoteError, StoragePool, StoragePoolInfo,
    StorageVol, StorageVolInfo, TypedParam,
};

/// A packet with its length word; what is one is written again byte for byte.
pub fn frame(bytes: &[u8]) {
    if let Ok(frame) = Frame::parse(bytes) {
        let again = Frame::encode(&frame.header, &frame.payload).expect("it was short enough");
        assert_eq!(again, bytes);
        event_of(frame.header.procedure(), &frame.payload);
        replies(&frame.payload);
    }
}

/// An event: two bytes choose which, the rest is its payload.
pub fn event(bytes: &[u8]) {
    if let Some((number, payload)) = bytes.split_first_chunk::<2>() {
        event_of(Procedure::new(REMOTE_PROGRAM, u16::from_be_bytes(*number).into()), payload);
    }
}

fn event_of(procedure: Procedure, payload: &[u8]) {
    let _ = Event::decode(procedure, &Bytes::copy_from_slice(payload)).domain();
}

fn reply<T: Decode>(bytes: &[u8]) {
    let _ = from_bytes::<T>(bytes);
}

/// A payload as the reply of every procedure.
pub fn replies(bytes: &[u8]) {
    if let Ok(error) = from_bytes::<RemoteError>(bytes) {
        let again = to_bytes(&error).expect("it was short enough");
        assert_eq!(from_bytes::<RemoteError>(&again).as_ref(), Ok(&error));
    }
    if let Ok(params) = from_bytes::<Vec<TypedParam>>(bytes) {
        // Lists longer than anything a client sends are read but not written.
        if let Ok(again) = to_bytes(&params) {
            assert_eq!(again.len(), bytes.len());
        }
    }
    reply::<(Vec<Domain>, u32)>(bytes);
    reply::<(Vec<Network>, u32)>(bytes);
    reply::<(Vec<StoragePool>, u32)>(bytes);
    reply::<(Vec<StorageVol>, u32)>(bytes);
    reply::<(Vec<NodeDevice>, u32)>(bytes);
    reply::<(Vec<NwFilter>, u32)>(bytes);
    reply::<(Vec<DomainSnapshot>, u32)>(bytes);
    reply::<(Vec<DhcpLease>, u32)>(bytes);
    reply::<(Vec<FilesystemInfo>, u32)>(bytes);
    reply::<(Vec<DiskError>, i32)>(bytes);
    reply::<(Vec<NamedStat>, i32)>(bytes);
    reply::<(bool, BlockJobInfo)>(bytes);
    reply::<(Vec<String>, i32)>(bytes);
    reply::<Vec<DomainStats>>(bytes);
    reply::<Vec<DomainInterface>>(bytes);
    reply::<Vec<MemoryStat>>(bytes);
    reply::<Vec<u64>>(bytes);
    reply::<DomainState>(bytes);
    reply::<DomainInfo>(bytes);
    reply::<NodeInfo>(bytes);
    reply::<BlockInfo>(bytes);
    reply::<JobInfo>(bytes);
    reply::<JobStats>(bytes);
    reply::<StoragePoolInfo>(bytes);
    reply::<StorageVolInfo>(bytes);
    reply::<Option<String>>(bytes);
    reply::<Opaque>(bytes);
}

/// A connection URI; what is one is shown as it was given.
pub fn uri(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(uri) = ConnectUri::parse(text)
    {
        assert_eq!(uri.to_string(), text);
        assert!(uri.name().starts_with(uri.driver()));
    }
}
