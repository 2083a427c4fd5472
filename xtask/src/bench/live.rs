//! The live stream with a thousand clients, some of which never read: what a pass takes from the
//! first byte that somebody has of it to the last that somebody gets, and what that costs the server.
//!
//! ```text
//!                      ┌─ reads ─────────┐
//!  hostlerd demo ──────┼─ reads ─────────┼─ first … last, for each pass
//!   frames, made once  └─ reads nothing  ┘
//! ```

use std::collections::BTreeMap;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use hostler_lab::{Error, Result, Stopwatch, timed};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::api::{Api, Body};
use super::{Comparison, Report, Sample, Scratch, Settings, Unit, cpu, memory};
use crate::say;

const VMS: usize = 200;
const CLIENTS: usize = 1000;
const STALLED: usize = 20;
/// A round. Passes are 10 s apart, and whoever reads nothing for 30 s is sent away.
const ROUND: Duration = Duration::from_secs(22);
/// After a round what has begun to come comes to all within this time.
const COMPLETE_WITHIN: Duration = Duration::from_secs(60);
/// Frames of one pass follow each other; passes are further apart.
const APART: Duration = Duration::from_secs(2);
/// Seconds of a processor to send something to one client (D16).
const SEND_LIMIT: f64 = 0.001;
/// The number of a frame is among its last bytes.
const TAIL: usize = 120;
/// Bytes for each client, stalled or not (D17).
const MEMORY_LIMIT: f64 = 64.0 * 1024.0;

/// What was measured, with as many clients as read.
struct Measured {
    /// The largest pass of each round: while some are stalled, and while none is.
    last: [Sample; 2],
    bare: Sample,
    sends: Sample,
    memory: Sample,
    reading: usize,
    /// Of the largest pass of the last round.
    bytes: usize,
}

/// Measures with a simulated fleet, then with sockets and nothing else.
pub(super) fn measure(settings: &Settings) -> Result<Report> {
    let clients = settings.sized(CLIENTS, 50);
    let stalled = clients * STALLED / CLIENTS;
    let Measured { last: [last, without], bare, sends, memory, reading, bytes } =
        measured(settings, clients, stalled)?;
    let what = format!("a pass, from the first to the last of {reading} clients");
    let row = |what: &str, unit, ours: &Sample, theirs| Comparison {
        what: what.into(),
        unit,
        ours: ours.clone(),
        theirs,
    };
    let send_limit = Sample::limit(SEND_LIMIT, settings.runs);
    let memory_limit = Sample::limit(MEMORY_LIMIT, settings.runs);
    Ok(Report {
        title: format!("The live stream of {VMS} VMs with {clients} clients"),
        comparisons: vec![
            row(&what, Unit::Seconds, &last, without.clone()),
            row(&what, Unit::Seconds, &without, bare),
            row("CPU, a frame to a client", Unit::Seconds, &sends, send_limit),
            row("memory, a client", Unit::Bytes, &memory, memory_limit),
        ],
        notes: notes(stalled, bytes),
    })
}

fn measured(settings: &Settings, clients: usize, stalled: usize) -> Result<Measured> {
    let programs = settings.programs()?;
    let scratch = Scratch::new("live")?;
    let data = scratch.path().join("data");
    open_many()?;
    say::step(&format!("starting a demo of {VMS} VMs, and {clients} clients"));
    let demo = programs.running_demo_with(&[
        format!("--vms={VMS}"),
        "--data-dir".to_owned(),
        data.display().to_string(),
    ])?;
    let socket = data.join("hostlerd.sock");
    // What a server needs for the first client it needs once.
    let mut readers = Readers(vec![follow(&socket)?]);
    readers.settle(ROUND)?;
    let before = memory::private(demo.pid())?;
    while readers.0.len() < clients - stalled {
        readers.0.push(follow(&socket)?);
    }
    readers.settle(ROUND)?;
    let mut last =
        [Sample::of(format!("hostlerd, {stalled} more that read nothing")), Sample::of("hostlerd")];
    let (mut sends, mut memory) = (Sample::of("hostlerd"), Sample::of("hostlerd"));
    let (mut bare, mut bytes) = (Sample::of("bare sockets"), 0);
    for number in 1..=settings.runs {
        say::step(&format!("round {number}: {stalled} that read nothing, none, bare sockets"));
        let hung = (0..stalled).map(|_| follow(&socket)).collect::<Result<Vec<_>>>()?;
        let worked = cpu::of(demo.pid())?;
        let found = readers.round(ROUND)?;
        let count = (found.frames * readers.0.len()) as f64;
        sends.add((cpu::of(demo.pid())? - worked) / count);
        last[0].took(found.largest.took);
        memory.add((memory::private(demo.pid())? - before) / clients as f64);
        all_follow(&socket, clients)?;
        drop(hung);
        let largest = readers.round(ROUND)?.largest;
        last[1].took(largest.took);
        bytes = largest.bytes;
        bare.took(bare_sockets(readers.0.len(), bytes)?);
    }
    Ok(Measured { last, bare, sends, memory, reading: readers.0.len(), bytes })
}

fn notes(stalled: usize, bytes: usize) -> Vec<String> {
    vec![
        format!(
            "Clients follow `vm:metrics` as server-sent events over the server's unix socket for {} s a \
             round; the value is the round's largest pass (the last of them: {bytes} bytes to each), \
             from the first byte that anybody has to the last that the last one gets. Every frame came \
             to everybody who reads.",
            ROUND.as_secs()
        ),
        format!(
            "{stalled} more read nothing from the beginning of such a round to its end, and the server \
             had all clients at the end: whoever reads nothing for 30 s is sent away."
        ),
        "Who reads is one thread beside the server, on the same processors. bare sockets: another \
         thread of that program writes as many bytes into as many sockets, one after the other, and \
         checks, makes and remembers nothing."
            .into(),
        "CPU is all that of the server in the rounds with stalled clients, its simulated fleet \
         included, by frames and clients that read. limit: 1 ms."
            .into(),
        format!(
            "Memory is what is private to the process at the end of such a round, less that with one \
             client, by all clients. limit: {} KiB.",
            MEMORY_LIMIT / 1024.0
        ),
    ]
}

/// Lets this program and those it starts have as many sockets as they are allowed: both ends of
/// thousands are more than a shell gives.
fn open_many() -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map_err(|error| {
        let current = current.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
        Error::new(format!("open files: {current}, and no more are given: {error}"))
    })
}

/// Whether the server has all clients, those that read nothing among them.
fn all_follow(socket: &Path, clients: usize) -> Result<()> {
    let answer = Api::at(socket).succeed("GET", "/metrics", &[], &Body::Nothing)?;
    let page = String::from_utf8_lossy(&answer.body).into_owned();
    let line = page.lines().find_map(|line| line.strip_prefix("hostler_live_clients"));
    let told: Option<usize> = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    match told {
        Some(count) if count == clients => Ok(()),
        told => Err(Error::new(format!("the server has {told:?} of {clients} clients"))),
    }
}

/// Somebody who follows figures of VMs.
fn follow(socket: &Path) -> Result<Reader> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(b"GET /api/v1/live?topics=vm:metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    Reader::of(stream)
}

/// One end of a stream of frames.
struct Reader {
    stream: UnixStream,
    /// What came of a line that is not there as a whole.
    unread: Vec<u8>,
}

impl Reader {
    fn of(stream: UnixStream) -> Result<Reader> {
        stream.set_nonblocking(true)?;
        Ok(Reader { stream, unread: Vec::new() })
    }

    /// Takes what is there; the numbers of the frames that are whole by now, and their bytes.
    fn take(&mut self, buffer: &mut [u8]) -> Result<Vec<(u64, usize)>> {
        match self.stream.read(buffer) {
            Ok(0) => {
                let said = String::from_utf8_lossy(&self.unread).into_owned();
                return Err(Error::new(format!("the server ended a stream: {said:.300}")));
            }
            Ok(count) => self.unread.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
        let (mut whole, mut line) = (Vec::new(), Vec::new());
        let mut rest = self.unread.as_slice();
        // The library's search for line breaks is compiled for speed; ours is not.
        while rest.read_until(b'\n', &mut line)? > 0 {
            if !line.ends_with(b"\n") {
                break;
            }
            whole.extend(number(&line)?.map(|number| (number, line.len())));
            line.clear();
        }
        self.unread = line;
        Ok(whole)
    }
}

/// The number of a frame of figures; none of what else is said. A document is a piece of the body
/// of its own, so that it is a line.
fn number(line: &[u8]) -> Result<Option<u64>> {
    if line.starts_with(b"{\"type\":\"resync\"") {
        return Err(Error::new("a client that reads was told that frames were lost"));
    }
    if !line.starts_with(b"{\"type\":\"vm_metrics\",") {
        return Ok(None);
    }
    let end = line.get(line.len().saturating_sub(TAIL)..).unwrap_or_default();
    let text = String::from_utf8_lossy(end);
    let after = text.rsplit_once("\"seq\":").map_or("", |(_, after)| after);
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().map(Some).map_err(|_| Error::new(format!("a frame without a number: {text}")))
}

/// When a frame came to whom.
#[derive(Debug, Clone, Copy)]
struct Arrived {
    clients: usize,
    first: Duration,
    last: Duration,
    bytes: usize,
}

/// Frames that followed each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Pass {
    took: Duration,
    /// To each client.
    bytes: usize,
}

/// What came in a round.
struct Found {
    frames: usize,
    largest: Pass,
}

/// All who read.
struct Readers(Vec<Reader>);

impl Readers {
    /// Reads for a time in which some may have begun to follow later than others.
    fn settle(&mut self, time: Duration) -> Result<()> {
        let arrived = self.read(time, true)?;
        if arrived.is_empty() { Err(Error::new("nothing came")) } else { Ok(()) }
    }

    /// Reads for a time, and until all have what anybody has.
    fn round(&mut self, time: Duration) -> Result<Found> {
        let arrived = self.read(time, false)?;
        let largest = largest(&arrived).ok_or_else(|| Error::new("no pass came in a round"))?;
        Ok(Found { frames: arrived.len(), largest })
    }

    fn read(&mut self, time: Duration, may_lack: bool) -> Result<BTreeMap<u64, Arrived>> {
        let watch = Stopwatch::start();
        let mut arrived: BTreeMap<u64, Arrived> = BTreeMap::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            for index in self.ready()? {
                let Some(reader) = self.0.get_mut(index) else { continue };
                let came = reader.take(&mut buffer)?;
                let at = watch.elapsed();
                for (number, bytes) in came {
                    let new = Arrived { clients: 0, first: at, last: at, bytes };
                    let frame = arrived.entry(number).or_insert(new);
                    (frame.clients, frame.last) = (frame.clients + 1, at);
                }
            }
            if watch.elapsed() < time {
                continue;
            }
            let is_whole = |frame: &Arrived| frame.clients == self.0.len();
            let mut frames = arrived.values().skip_while(|it| may_lack && !is_whole(it));
            match frames.find(|frame| !is_whole(frame)) {
                None => return Ok(arrived),
                Some(lost) if watch.elapsed() > time + COMPLETE_WITHIN => {
                    let (got, all) = (lost.clients, self.0.len());
                    return Err(Error::new(format!("a frame came to {got} of {all} clients")));
                }
                Some(_) => {}
            }
        }
    }

    /// Those for whom something is there, after at most a tenth of a second.
    fn ready(&self) -> Result<Vec<usize>> {
        let mut fds: Vec<PollFd<'_>> =
            self.0.iter().map(|reader| PollFd::new(&reader.stream, PollFlags::IN)).collect();
        let patience = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        poll(&mut fds, Some(&patience)).map_err(std::io::Error::from)?;
        let ready = fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|(index, _)| index).collect())
    }
}

/// The pass with the most bytes.
fn largest(arrived: &BTreeMap<u64, Arrived>) -> Option<Pass> {
    let mut passes: Vec<(Duration, Duration, usize)> = Vec::new();
    for frame in arrived.values() {
        match passes.last_mut() {
            Some((_, last, bytes)) if frame.first < *last + APART => {
                *last = frame.last.max(*last);
                *bytes += frame.bytes;
            }
            _ => passes.push((frame.first, frame.last, frame.bytes)),
        }
    }
    let passes = passes.into_iter().map(|(first, last, bytes)| Pass { took: last - first, bytes });
    passes.max_by_key(|pass| pass.bytes)
}

/// How long it takes from the first to the last of so many sockets that a thread writes so many
/// bytes to, one after the other.
fn bare_sockets(count: usize, bytes: usize) -> Result<Duration> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (one, other) = UnixStream::pair()?;
        ours.push(one);
        theirs.push(Reader::of(other)?);
    }
    let content = vec![b'x'; bytes];
    let writing = thread::spawn(move || {
        let (done, took) = timed(|| ours.iter_mut().try_for_each(|one| one.write_all(&content)));
        done.map(|()| (ours, took))
    });
    let mut readers = Readers(theirs);
    let mut left = count * bytes;
    let mut buffer = vec![0; 256 * 1024];
    let watch = Stopwatch::start();
    let mut first = None;
    while left > 0 {
        for index in readers.ready()? {
            let Some(reader) = readers.0.get_mut(index) else { continue };
            left = left.saturating_sub(reader.stream.read(&mut buffer)?);
            first.get_or_insert(watch.elapsed());
        }
        if watch.elapsed() > COMPLETE_WITHIN {
            return Err(Error::new(format!("{left} bytes never came")));
        }
    }
    let took = watch.elapsed().saturating_sub(first.unwrap_or_default());
    let _open = writing.join().map_err(|_| Error::new("the writer panicked"))??;
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_figures_have_a_number_and_a_loss_is_an_error() {
        let of = |text: &str| number(text.as_bytes());
        let frame = "{\"type\":\"vm_metrics\",\"data\":{\"seq\":1},\"seq\":47,\"ts\":0}\r\n";
        assert_eq!(of(frame).unwrap(), Some(47));
        assert_eq!(of("{\"type\":\"ping\",\"seq\":48}\r\n").unwrap(), None);
        assert_eq!(of(": hello\n").unwrap(), None);
        assert!(of("{\"type\":\"resync\",\"seq\":48}\r\n").is_err());
    }

    #[test]
    fn frames_that_follow_each_other_are_a_pass_from_the_first_to_the_last() {
        let at = Duration::from_millis;
        let frame =
            |first, last, bytes| Arrived { clients: 3, first: at(first), last: at(last), bytes };
        let frames = [frame(100, 140, 60), frame(110, 190, 50), frame(9000, 9020, 70)];
        let arrived = (1..).zip(frames).collect();
        assert_eq!(largest(&arrived), Some(Pass { took: at(90), bytes: 110 }));
        assert_eq!(largest(&BTreeMap::new()), None);
    }

    #[test]
    fn what_is_written_to_sockets_arrives_at_all_of_them() {
        assert!(bare_sockets(8, 400_000).is_ok());
    }
}
