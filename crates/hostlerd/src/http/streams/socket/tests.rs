//! Telling over a connection that is none: time is the test's own.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::pending;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::*;

/// What a client would see and send.
struct Wire {
    seen: mpsc::Sender<Message>,
    sent: mpsc::Receiver<Message>,
    /// How many messages go out before nobody reads any more.
    room: usize,
}

impl Stream for Wire {
    type Item = Result<Message, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.sent.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for Wire {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.room == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Infallible> {
        self.room -= 1;
        let _ = self.seen.try_send(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

/// Says what it was given, then what it hears, twice.
#[derive(Default)]
struct Echo(VecDeque<Said>);

impl Follow for Echo {
    const PROTOCOL: &'static str = "echo";
    const MESSAGE_BYTES_MAX: usize = 100;
    const IDLE_MAX: Duration = Duration::from_secs(75);

    async fn next(&mut self) -> Said {
        match self.0.pop_front() {
            Some(said) => said,
            None => pending().await,
        }
    }

    fn hear(&mut self, text: &str) {
        self.0.extend([Said::message(text.into()), Said::message(text.into())]);
    }
}

fn wire(room: usize) -> (Wire, mpsc::Receiver<Message>, mpsc::Sender<Message>) {
    let (seen, client_sees) = mpsc::channel(64);
    let (client_sends, sent) = mpsc::channel(64);
    (Wire { seen, sent, room }, client_sees, client_sends)
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_is_answered_in_order_and_a_farewell_ends_it() {
    let (wire, mut sees, sends) = wire(100);
    for text in ["a", "b"] {
        sends.try_send(Message::Text(text.into())).unwrap();
    }
    sends.try_send(Message::Pong(Bytes::new())).unwrap();
    let mut task = JoinSet::new();
    task.spawn(tell(wire, Echo(VecDeque::from([Said::Alive]))));
    let mut told = Vec::new();
    while told.len() < 5 {
        told.push(sees.recv().await.unwrap());
    }
    assert!(told.contains(&Message::Ping(Bytes::new())));
    told.retain(|message| matches!(message, Message::Text(_)));
    assert_eq!(told, ["a", "a", "b", "b"].map(|text| Message::Text(text.into())));
    sends.try_send(Message::Close(None)).unwrap();
    task.join_next().await.unwrap().unwrap();
    assert_eq!(sees.recv().await, None, "nothing is said to whoever has gone");
}

#[tokio::test(start_paused = true)]
async fn d6_a_client_without_a_sign_of_life_is_let_go() {
    let (wire, mut sees, sends) = wire(100);
    let began = Instant::now();
    let mut task = JoinSet::new();
    task.spawn(tell(wire, Echo::default()));
    tokio::time::sleep(Duration::from_secs(70)).await;
    sends.try_send(Message::Pong(Bytes::new())).unwrap();
    task.join_next().await.unwrap().unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(70 + 75));
    assert_eq!(sees.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn d16_a_client_that_does_not_read_is_let_go_and_keeps_nothing() {
    let (wire, mut sees, _sends) = wire(1);
    let many = (0..10).map(|_| Said::message("x".into())).collect();
    let began = Instant::now();
    tell(wire, Echo(many)).await;
    // The time for a message, and a moment for the farewell that it does not read either.
    assert_eq!(began.elapsed(), CLIENT_TIME + Duration::from_secs(1));
    assert_eq!(sees.recv().await, Some(Message::Text("x".into())));
    assert_eq!(sees.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_end_is_told_with_its_reason() {
    let (wire, mut sees, _sends) = wire(100);
    tell(wire, Echo(VecDeque::from([Said::THROWN_OUT]))).await;
    let Some(Message::Close(Some(frame))) = sees.recv().await else { panic!("no farewell") };
    assert_eq!((frame.code, frame.reason.as_str()), (1008, "your credentials have ended"));
}
