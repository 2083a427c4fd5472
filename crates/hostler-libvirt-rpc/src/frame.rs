//! Packets: the length word and six-word header before every payload, and the bounded reading of
//! them off a socket.
//!
//! ```text
//!  0        4         8         12          16      20       24       28
//!  ┌────────┬─────────┬─────────┬───────────┬───────┬────────┬────────┬─────────┐
//!  │ length │ program │ version │ procedure │ type  │ serial │ status │ payload │
//!  └────────┴─────────┴─────────┴───────────┴───────┴────────┴────────┴─────────┘
//!  length counts itself; everything is big endian
//! ```

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::procedure::Procedure;
use crate::xdr::{Decode, Decoder, Encode, Encoder, XdrError, wire_struct};

/// Bytes of the length word.
pub const LENGTH_BYTES: usize = 4;
/// Bytes of the header after the length word.
pub const HEADER_BYTES: usize = 24;
/// Longest packet accepted or sent, in bytes, with its length word (libvirt's own limit is
/// 32 MiB since 4.0).
pub const FRAME_MAX: usize = 32 * 1024 * 1024;
/// Most stream data put into one packet, in bytes: the payload limit that servers of every age
/// accept.
pub const STREAM_CHUNK: usize = 262_144 - 24;
/// How much is reserved ahead of the bytes that have really come.
const READ_STEP: usize = 64 * 1024;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Client to server: a procedure's arguments.
    Call,
    /// Server to client: a procedure's results, or its error.
    Reply,
    /// Either way, unasked: an event or a keepalive.
    Message,
    /// Either way: data of an open stream, its end, or its error.
    Stream,
    /// A call with file descriptors beside it.
    CallWithFds,
    /// A reply with file descriptors beside it.
    ReplyWithFds,
    /// A hole in a sparse stream.
    StreamHole,
}

/// How a reply or stream packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Success; on a stream: finished.
    Ok,
    /// The payload is an error; on a stream from the client: abort.
    Error,
    /// More stream data follows (an empty payload from the server is the end of the data).
    Continue,
}

macro_rules! wire_enum {
    ($type:ident, $what:literal { $($variant:ident = $value:literal),+ }) => {
        impl Encode for $type {
            fn encode(&self, encoder: &mut Encoder) {
                let value: i32 = match self { $(Self::$variant => $value),+ };
                value.encode(encoder);
            }
        }
        impl Decode for $type {
            fn decode(decoder: &mut Decoder<'_>) -> Result<Self, XdrError> {
                match i32::decode(decoder)? {
                    $($value => Ok(Self::$variant),)+
                    other => Err(XdrError::BadValue { what: $what, value: other.into() }),
                }
            }
        }
    };
}
wire_enum!(MessageType, "message type" {
    Call = 0, Reply = 1, Message = 2, Stream = 3, CallWithFds = 4, ReplyWithFds = 5, StreamHole = 6
});
wire_enum!(Status, "status" { Ok = 0, Error = 1, Continue = 2 });

/// The six words that say what a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Program number, see [`crate::procedure`].
    pub program: u32,
    /// Program version, always 1 so far.
    pub version: u32,
    /// Procedure number within the program.
    pub procedure: u32,
    /// What the packet is.
    pub kind: MessageType,
    /// The call's number; zero for events.
    pub serial: u32,
    /// How the packet is meant.
    pub status: Status,
}
wire_struct!(Header { program, version, procedure, kind, serial, status } min HEADER_BYTES);

impl Header {
    /// A header of version 1.
    pub fn new(procedure: Procedure, kind: MessageType, serial: u32, status: Status) -> Self {
        let (program, procedure) = (procedure.program(), procedure.number());
        Self { program, version: 1, procedure, kind, serial, status }
    }

    /// The procedure the packet belongs to.
    pub fn procedure(&self) -> Procedure {
        Procedure::new(self.program, self.procedure)
    }
}

/// One whole packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub header: Header,
    /// Its payload, not yet decoded.
    pub payload: Bytes,
}

impl Frame {
    /// The packet as bytes, with the length word.
    ///
    /// # Errors
    /// When it would be longer than [`FRAME_MAX`].
    pub fn encode(header: &Header, payload: &[u8]) -> Result<Vec<u8>, XdrError> {
        let length = LENGTH_BYTES + HEADER_BYTES + payload.len();
        let word = match u32::try_from(length) {
            Ok(word) if length <= FRAME_MAX => word,
            _ => return Err(XdrError::TooLong { what: "packet", length, limit: FRAME_MAX }),
        };
        let mut encoder = Encoder::default();
        word.encode(&mut encoder);
        header.encode(&mut encoder);
        let mut bytes = encoder.finish()?;
        bytes.extend_from_slice(payload);
        Ok(bytes)
    }

    /// Reads a packet's bytes without the length word.
    ///
    /// # Errors
    /// When the header is not one.
    pub fn decode(body: Bytes) -> Result<Self, XdrError> {
        let mut decoder = Decoder::new(&body);
        let header = Header::decode(&mut decoder)?;
        let payload = body.slice(HEADER_BYTES..);
        Ok(Self { header, payload })
    }

    /// Reads a packet with its length word, as [`Frame::encode`] writes it.
    ///
    /// # Errors
    /// When the length word is a lie or the header is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, XdrError> {
        let mut decoder = Decoder::new(bytes);
        let body_bytes = body_length(u32::decode(&mut decoder)?)?;
        if body_bytes != decoder.left() {
            let (needed, left) = (body_bytes, decoder.left());
            return Err(XdrError::Truncated { what: "packet", needed, left });
        }
        Self::decode(Bytes::copy_from_slice(bytes.get(LENGTH_BYTES..).unwrap_or_default()))
    }
}

/// The bytes that follow a length word.
fn body_length(word: u32) -> Result<usize, XdrError> {
    let length = word as usize;
    if length > FRAME_MAX {
        return Err(XdrError::TooLong { what: "packet", length, limit: FRAME_MAX });
    }
    length
        .checked_sub(LENGTH_BYTES)
        .filter(|body| *body >= HEADER_BYTES)
        .ok_or(XdrError::BadValue { what: "packet length", value: word.into() })
}

/// Why no packet could be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The other side closed between two packets.
    EndOfStream,
    /// The socket failed, or closed inside a packet.
    Io(io::Error),
    /// The bytes are no packet.
    Malformed(XdrError),
}

/// Reads the next packet. Memory grows with the bytes that really come, never with the length
/// that was promised.
pub(crate) async fn read_frame(source: &mut (impl AsyncRead + Unpin)) -> Result<Frame, ReadError> {
    let mut word = [0; LENGTH_BYTES];
    let first = source.read(&mut word).await.map_err(ReadError::Io)?;
    if first == 0 {
        return Err(ReadError::EndOfStream);
    }
    if let Some(rest) = word.get_mut(first..) {
        source.read_exact(rest).await.map_err(ReadError::Io)?;
    }
    let needed = body_length(u32::from_be_bytes(word)).map_err(ReadError::Malformed)?;
    let mut body = BytesMut::with_capacity(needed.min(READ_STEP));
    while body.len() < needed {
        let missing = needed - body.len();
        body.reserve(missing.min(READ_STEP));
        // `take` keeps the bytes of the next packet where they are.
        let read = (&mut *source).take(missing as u64).read_buf(&mut body).await;
        if read.map_err(ReadError::Io)? == 0 {
            return Err(ReadError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Frame::decode(body.freeze()).map_err(ReadError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procedure::DOMAIN_GET_STATE;
    use proptest::prelude::*;

    fn header() -> Header {
        Header::new(DOMAIN_GET_STATE, MessageType::Reply, 7, Status::Ok)
    }

    #[tokio::test]
    async fn packets_are_read_one_after_another_to_the_end() {
        let mut wire = Frame::encode(&header(), b"abcd").unwrap();
        wire.extend(Frame::encode(&header(), &[7; 200_000]).unwrap());
        let mut source = wire.as_slice();
        assert_eq!(read_frame(&mut source).await.unwrap().payload, b"abcd"[..]);
        assert_eq!(read_frame(&mut source).await.unwrap().payload.len(), 200_000);
        assert!(matches!(read_frame(&mut source).await, Err(ReadError::EndOfStream)));
    }

    #[tokio::test]
    async fn a_promised_length_is_bounded_and_a_cut_packet_is_an_error() {
        for word in [0u32, 4, 27, FRAME_MAX as u32 + 1, u32::MAX] {
            let bytes = word.to_be_bytes();
            assert!(matches!(
                read_frame(&mut bytes.as_slice()).await,
                Err(ReadError::Malformed(_))
            ));
        }
        let wire = Frame::encode(&header(), b"abcd").unwrap();
        for cut in 1..wire.len() {
            assert!(matches!(read_frame(&mut &wire[..cut]).await, Err(ReadError::Io(_))), "{cut}");
        }
    }

    #[test]
    fn a_packet_above_the_limit_is_not_sent() {
        assert!(Frame::encode(&header(), &vec![0; FRAME_MAX - 28]).is_ok());
        assert!(Frame::encode(&header(), &vec![0; FRAME_MAX - 27]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(frame) = Frame::parse(&bytes) {
                prop_assert_eq!(Frame::encode(&frame.header, &frame.payload).unwrap(), bytes);
            }
        }
    }
}
