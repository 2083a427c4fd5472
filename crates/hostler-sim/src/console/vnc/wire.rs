//! RFB's messages: reading the client's, writing ours. Pure; lengths that a
//! client sends are bounded before anything is kept for them.

use std::io::{Error, ErrorKind, Result};
use std::ops::Range;

/// The longest text that a client's clipboard may send, in bytes.
const CLIPBOARD_MAX: usize = 64 << 10;

/// How a client wants its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PixelFormat {
    pub(super) bits: u8,
    pub(super) big_endian: bool,
    /// The largest value of red, green and blue.
    pub(super) max: [u16; 3],
    pub(super) shift: [u8; 3],
}

impl PixelFormat {
    /// 32 bits, little-endian, blue first: what clients prefer.
    pub(super) const DEFAULT: Self =
        Self { bits: 32, big_endian: false, max: [255; 3], shift: [16, 8, 0] };

    fn encode(self) -> [u8; 16] {
        let [r, g, b] = self.max.map(u16::to_be_bytes);
        let depth = 24;
        let true_colour = 1;
        [
            self.bits,
            depth,
            u8::from(self.big_endian),
            true_colour,
            r[0],
            r[1],
            g[0],
            g[1],
            b[0],
            b[1],
            self.shift[0],
            self.shift[1],
            self.shift[2],
            0,
            0,
            0,
        ]
    }

    fn decode(bytes: &[u8; 16]) -> Result<Self> {
        let [bits, _depth, big_endian, true_colour, r0, r1, g0, g1, b0, b1, sr, sg, sb, ..] =
            *bytes;
        let shift = [sr, sg, sb];
        if !matches!(bits, 8 | 16 | 32) || true_colour == 0 || shift.iter().any(|s| *s >= bits) {
            return Err(bad("a pixel format that we cannot draw"));
        }
        let max = [[r0, r1], [g0, g1], [b0, b1]].map(u16::from_be_bytes);
        Ok(Self { bits, big_endian: big_endian != 0, max, shift })
    }

    /// Appends a pixel of this colour (red, green, blue).
    fn put(self, colour: [u8; 3], into: &mut Vec<u8>) {
        let mut pixel = 0_u32;
        for ((value, max), shift) in colour.into_iter().zip(self.max).zip(self.shift) {
            pixel |= (u32::from(value) * u32::from(max) / 255) << shift;
        }
        let size = usize::from(self.bits / 8);
        if self.big_endian {
            into.extend(pixel.to_be_bytes().into_iter().skip(4 - size));
        } else {
            into.extend(pixel.to_le_bytes().into_iter().take(size));
        }
    }
}

/// A `FramebufferUpdateRequest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) incremental: bool,
    x: u16,
    y: u16,
    width: u16,
    height: u16,
}

/// A part of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) columns: Range<u16>,
    pub(super) rows: Range<u16>,
}

impl Request {
    /// The part of these rows that was asked for; may be empty.
    pub(super) fn clipped_to(&self, width: u16, rows: &Range<u16>) -> Area {
        let clip = |from: u16, size: u16, within: Range<u16>| {
            let start = from.clamp(within.start, within.end);
            start..from.saturating_add(size).clamp(start, within.end)
        };
        Area {
            columns: clip(self.x, self.width, 0..width),
            rows: clip(self.y, self.height, rows.clone()),
        }
    }
}

/// What a client says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    SetPixelFormat(PixelFormat),
    Update(Request),
    Key {
        down: bool,
        keysym: u32,
    },
    /// Encodings, the pointer, the clipboard.
    Ignored,
}

/// The first message of `bytes` and its length, once it is whole.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Message, usize)>> {
    let Some(kind) = bytes.first() else { return Ok(None) };
    Ok(match kind {
        0 => match bytes.first_chunk::<20>() {
            Some([_, _, _, _, format @ ..]) => {
                Some((Message::SetPixelFormat(PixelFormat::decode(format)?), 20))
            }
            None => None,
        },
        2 => bytes.first_chunk().and_then(|[_, _, high, low]| {
            whole(bytes, 4 + 4 * usize::from(u16::from_be_bytes([*high, *low])))
        }),
        3 => bytes.first_chunk().map(|[_, incremental, x0, x1, y0, y1, w0, w1, h0, h1]| {
            let request = Request {
                incremental: *incremental != 0,
                x: u16::from_be_bytes([*x0, *x1]),
                y: u16::from_be_bytes([*y0, *y1]),
                width: u16::from_be_bytes([*w0, *w1]),
                height: u16::from_be_bytes([*h0, *h1]),
            };
            (Message::Update(request), 10)
        }),
        4 => bytes.first_chunk().map(|[_, down, _, _, keysym @ ..]: &[u8; 8]| {
            (Message::Key { down: *down != 0, keysym: u32::from_be_bytes(*keysym) }, 8)
        }),
        5 => whole(bytes, 6),
        6 => match bytes.first_chunk::<8>() {
            Some([_, _, _, _, length @ ..]) => {
                let length = u32::from_be_bytes(*length) as usize;
                if length > CLIPBOARD_MAX {
                    return Err(bad("a clipboard that is too long"));
                }
                whole(bytes, 8 + length)
            }
            None => None,
        },
        _ => return Err(bad("a message that we did not offer to understand")),
    })
}

fn whole(bytes: &[u8], size: usize) -> Option<(Message, usize)> {
    (bytes.len() >= size).then_some((Message::Ignored, size))
}

fn bad(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// `ServerInit`: the size, our pixel format, the name.
pub(super) fn server_init(width: u16, height: u16, name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(24 + name.len());
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend(PixelFormat::DEFAULT.encode());
    bytes.extend(u32::try_from(name.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(name.as_bytes());
    bytes
}

/// A `FramebufferUpdate` of one raw rectangle, or of none when it is empty.
pub(super) fn raw_update(
    area: &Area,
    format: &PixelFormat,
    colour: impl Fn(u16, u16) -> [u8; 3],
) -> Vec<u8> {
    if area.columns.is_empty() || area.rows.is_empty() {
        return vec![0, 0, 0, 0];
    }
    let mut bytes = vec![0, 0, 0, 1];
    let (width, height) = (area.columns.len(), area.rows.len());
    bytes.reserve(12 + width * height * usize::from(format.bits / 8));
    let (x, y) = (area.columns.start, area.rows.start);
    // Both are lengths of ranges of u16.
    for number in [x, y, width as u16, height as u16] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend([0; 4]); // raw
    for row in area.rows.clone() {
        for column in area.columns.clone() {
            format.put(colour(column, row), &mut bytes);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_taken_once_it_is_whole() {
        let key = [4, 1, 0, 0, 0, 0, 0, 0x61];
        for cut in 0..key.len() {
            assert_eq!(decode(&key[..cut]).unwrap(), None);
        }
        assert_eq!(decode(&key).unwrap(), Some((Message::Key { down: true, keysym: 0x61 }, 8)));
        let encodings = [2, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x21, 3];
        assert_eq!(decode(&encodings).unwrap(), Some((Message::Ignored, 12)));
    }

    #[test]
    fn a40_what_a_client_makes_too_long_or_strange_is_refused() {
        assert!(decode(&[6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(decode(&[250]).is_err());
        let mut format = [0; 20];
        format[4] = 24; // no whole number of bytes that RFB knows
        assert!(decode(&format).is_err());
    }

    #[test]
    fn pixels_come_in_the_order_asked_for() {
        let mut bytes = Vec::new();
        PixelFormat::DEFAULT.put([1, 2, 3], &mut bytes);
        let rgb565 =
            PixelFormat { bits: 16, big_endian: true, max: [31, 63, 31], shift: [11, 5, 0] };
        rgb565.put([255, 0, 255], &mut bytes);
        assert_eq!(bytes, [3, 2, 1, 0, 0xf8, 0x1f]);
        assert_eq!(PixelFormat::decode(&rgb565.encode()).unwrap(), rgb565);
    }

    proptest! {
        #[test]
        fn no_client_can_make_it_panic_or_draw_outside(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            kind in 0_u8..8,
        ) {
            let mut message = vec![kind];
            message.extend(bytes);
            if let Ok(Some((message, size))) = decode(&message) {
                prop_assert!(size > 0);
                if let Message::Update(request) = message {
                    let area = request.clipped_to(640, &(10..400));
                    prop_assert!(area.columns.end <= 640 && area.rows.end <= 400);
                    prop_assert!(area.columns.start <= area.columns.end);
                    prop_assert!(area.rows.start >= 10 && area.rows.start <= area.rows.end);
                }
            }
        }
    }
}
