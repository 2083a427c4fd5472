//! An agent over sources that tell what a test wants, and a client for it.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_agent::config::Intervals;
use hostler_agent::{Agent, Setup, Source};
use hostler_core::Timestamp;
use hostler_core::clock::ManualClock;
use hostler_core::metrics::{Cost, Labels, Metric, Point};
use hostler_provider::{
    Batch, ContainerRef, Cx, Machine, Measured, Metrics, Result, Silent, VmRef,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// The id that a VM and a container share.
pub(crate) const SHARED_ID: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
pub(crate) const T0: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Tells the same with every pass.
pub(crate) struct Tells(pub(crate) Batch);

#[async_trait]
impl Metrics for Tells {
    fn passes(&self) -> &'static [Cost] {
        &[Cost::Stats]
    }

    async fn collect(&self, _: &Cx, _: Cost) -> Result<Batch> {
        Ok(self.0.clone())
    }
}

/// Never answers, and does not even keep its deadline.
pub(crate) struct Hangs;

#[async_trait]
impl Metrics for Hangs {
    fn passes(&self) -> &'static [Cost] {
        &[Cost::State, Cost::Stats]
    }

    async fn collect(&self, _: &Cx, _: Cost) -> Result<Batch> {
        std::future::pending().await
    }
}

fn vm(id: &str, name: &str) -> VmRef {
    VmRef { external_ref: id.to_owned(), name: name.to_owned() }
}

/// A VM with an awkward name, and one that did not answer.
pub(crate) fn vms() -> Batch {
    let points = vec![
        Point::plain(Metric::VmCpuSecondsTotal, 12.5),
        Point::labelled(Metric::VmDiskReadBytesTotal, Labels::one("vda"), 4096.0),
        Point::labelled(Metric::VmDiskReadBytesTotal, Labels::one("vdb"), 1.0),
        Point::labelled(
            Metric::KubevirtVmiHypervisorInfo,
            Labels::new(["ns", "web", "h1", "kvm"]),
            1.0,
        ),
    ];
    let silent = Silent { vm: vm("id-hung", "hung"), reason: "no answer".to_owned() };
    Batch {
        vms: vec![Measured { of: vm(SHARED_ID, "we\"b\\\n1"), at: T0, points }],
        silent: vec![silent],
        ..Batch::default()
    }
}

/// A container with the id of a VM, and a claim about a VM that is no container's to make.
pub(crate) fn containers() -> Batch {
    let points = vec![
        Point::plain(Metric::ContainerCpuSecondsTotal, 99.0),
        Point::plain(Metric::VmCpuSecondsTotal, 99.0),
    ];
    let of = ContainerRef { id: SHARED_ID.to_owned(), name: "web".to_owned(), engine: "docker" };
    Batch { containers: vec![Measured { of, at: T0, points }], ..Batch::default() }
}

pub(crate) fn host(name: &str) -> Batch {
    let points = vec![
        Point::labelled(Metric::HostInfo, Labels::new(["6.1", ""]), 1.0),
        Point::labelled(Metric::HostCpuSecondsTotal, Labels::one("user"), 1.5),
        Point::labelled(Metric::HostLoad, Labels::one("1m"), 0.25),
    ];
    Batch { hosts: vec![Measured { of: name.to_owned(), at: T0, points }], ..Batch::default() }
}

pub(crate) fn setup(sources: Vec<Source>) -> Setup {
    Setup {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        token: None,
        identity: None,
        machine: Machine { name: "h1".to_owned(), ..Machine::default() },
        sources,
        intervals: Intervals::default(),
        clock: Arc::new(ManualClock::at(T0)),
        seed: 0,
    }
}

/// An agent of which everything was tried once.
pub(crate) async fn start(setup: Setup) -> Agent {
    let agent = Agent::start(setup).await.unwrap();
    until(agent.addresses()[0], "/readyz", |reply| reply.status == 200).await;
    agent
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(said, _)| said.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        match self.header("content-encoding") {
            Some("gzip") => {
                flate2::read::GzDecoder::new(&*self.body).read_to_string(&mut text).unwrap();
            }
            _ => text = String::from_utf8(self.body.clone()).unwrap(),
        }
        text
    }
}

/// Asks over a connection of its own. `None`: nobody is there.
pub(crate) async fn ask(address: SocketAddr, path: &str, headers: &str) -> Option<Reply> {
    talk(TcpStream::connect(address).await.ok()?, path, headers).await
}

/// The same over a connection that is there.
pub(crate) async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    headers: &str,
) -> Option<Reply> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Reply { status, head, body: answer[end + 4..].to_vec() })
}

pub(crate) async fn get(address: SocketAddr, path: &str, headers: &str) -> Reply {
    ask(address, path, headers).await.expect("the agent answers")
}

/// Asks until the answer is as wanted.
pub(crate) async fn until(
    address: SocketAddr,
    path: &str,
    wanted: impl Fn(&Reply) -> bool,
) -> Reply {
    let looking = async {
        loop {
            if let Some(reply) = ask(address, path, "").await
                && wanted(&reply)
            {
                return reply;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let limit = Duration::from_secs(120);
    tokio::time::timeout(limit, looking).await.expect("it comes to pass on any machine")
}
