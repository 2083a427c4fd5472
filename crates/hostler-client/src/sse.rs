//! Reads server-sent events (the `text/event-stream` format of HTML) from
//! bytes that arrive in any pieces.
//!
//! Lines end with LF, CR or CRLF; `:` begins a comment; an empty line ends an
//! event. An event or line that grows past the limit is an error, so that a
//! wrong peer cannot fill the memory.

/// The most bytes of one event.
const EVENT_MAX_BYTES: usize = 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its kind; `message` when none was given.
    pub event: String,
    /// Its data, lines joined by LF.
    pub data: String,
    /// The last id that was given, by this event or an earlier one.
    pub id: Option<String>,
}

/// Turns bytes into [`Frame`]s.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    /// The last byte was CR: an LF that follows belongs to it.
    after_cr: bool,
    started: bool,
    event: String,
    data: String,
    has_data: bool,
    id: Option<String>,
}

impl SseParser {
    /// A parser at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events that `bytes` complete. Fails when one grows past 1 MiB; the
    /// stream cannot be used any more then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, String> {
        let mut frames = Vec::new();
        for &byte in bytes {
            let was_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if was_cr => {}
                b'\n' | b'\r' => frames.extend(self.end_line()),
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > EVENT_MAX_BYTES {
                return Err(format!("an event is larger than {EVENT_MAX_BYTES} bytes"));
            }
        }
        Ok(frames)
    }

    /// Takes over a line; an empty one ends the event.
    fn end_line(&mut self) -> Option<Frame> {
        let bytes = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&bytes);
        let mut line = text.as_ref();
        if !std::mem::replace(&mut self.started, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // An empty field is a comment; `retry` and unknown fields mean nothing here.
            _ => {}
        }
        None
    }

    /// The event that has been gathered; none when there is nothing to tell.
    fn end_event(&mut self) -> Option<Frame> {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        if !std::mem::replace(&mut self.has_data, false) && event.is_empty() {
            return None;
        }
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Frame { event, data, id: self.id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(event: &str, data: &str, id: Option<&str>) -> Frame {
        Frame { event: event.into(), data: data.into(), id: id.map(str::to_owned) }
    }

    #[test]
    fn events_comments_and_ids_are_told_apart() {
        let text = "\u{feff}: hello\n\nid: 7\ndata: a\ndata:b\n\n:hb\n\nevent: resync\nid\n\
                    data\n\nevent: x\r\ndata: y\r\n\r\ndata: cut off";
        let frames = SseParser::new().feed(text.as_bytes()).unwrap();
        assert_eq!(
            frames,
            [
                frame("message", "a\nb", Some("7")),
                frame("resync", "", Some("")),
                frame("x", "y", Some("")),
            ]
        );
    }

    #[test]
    fn an_event_without_data_is_still_told() {
        // `event: resync` matters although nothing follows it.
        let frames = SseParser::new().feed(b"event: resync\n\n").unwrap();
        assert_eq!(frames, [frame("resync", "", None)]);
    }

    #[test]
    fn a_line_that_never_ends_is_an_error() {
        let mut parser = SseParser::new();
        let piece = vec![b'x'; 64 * 1024];
        let ended = (0..32).find_map(|_| parser.feed(&piece).err());
        assert!(ended.is_some_and(|error| error.contains("larger")));
    }

    proptest! {
        #[test]
        fn the_pieces_in_which_bytes_arrive_do_not_matter(
            text in "(data: [a-z:é]{0,4}(\r\n|\n|\r)|id: [0-9](\n|\r)|: c\n|event: e\r\n|\n|\r\n){0,20}",
            cut in 1_usize..7,
        ) {
            let whole = SseParser::new().feed(text.as_bytes()).unwrap();
            let mut parser = SseParser::new();
            let mut pieces = Vec::new();
            for piece in text.as_bytes().chunks(cut) {
                pieces.extend(parser.feed(piece).unwrap());
            }
            prop_assert_eq!(whole, pieces);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = SseParser::new().feed(&bytes);
        }
    }
}
