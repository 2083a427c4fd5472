//! The dialogue with a mail server.
//!
//! ```text
//!  connect ─(TLS)─ greeting ─ EHLO ─(STARTTLS ─ TLS ─ EHLO)─(AUTH)─ MAIL ─ RCPT … ─ DATA ─ QUIT
//!  4yz, or the connection broke: for now        5yz: for good
//! ```
//!
//! A recipient that is refused for good does not keep the mail from the others: those
//! get it, and the log says who did not. One that is refused for now does: else the
//! next try would tell the others twice.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hostler_core::alert::notice::Undelivered;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;

use super::reply::{Reply, Unreadable, read};
use super::{Mail, Security, Tls};
use crate::secret::Secret;

/// A connection, of whatever is below it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A session with a server that has said nothing bad so far.
struct Session<'a> {
    mail: &'a Mail,
    stream: BufReader<Box<dyn Stream>>,
}

/// Sends one message to all recipients.
pub(super) async fn send(mail: &Mail, message: &[u8]) -> Result<(), Undelivered> {
    let server = format!("{}:{}", mail.host, mail.port);
    let tcp = TcpStream::connect((mail.host.as_str(), mail.port)).await.map_err(|error| {
        Undelivered::for_now(format!("{server} cannot be reached: {}", plainly(&error)))
    })?;
    let stream: Box<dyn Stream> = match &mail.security {
        Security::Implicit(tls) => Box::new(encrypt(&server, tls, Box::new(tcp)).await?),
        Security::StartTls(_) | Security::None => Box::new(tcp),
    };
    let mut session = Session { mail, stream: BufReader::new(stream) };
    let greeting = session.hear().await?;
    session.accepted(&greeting, 220, "greeting us")?;
    let mut offers = session.hello().await?;
    if let Security::StartTls(tls) = &mail.security {
        session = session.start_tls(tls, &offers).await?;
        offers = session.hello().await?;
    }
    if let Some((user, password)) = &mail.login {
        session.log_in(user, password, &offers).await?;
    }
    session.hand_over(message).await?;
    // It has the mail: what it says now changes nothing.
    let _ = session.say("QUIT").await;
    Ok(())
}

/// TLS over a connection. A bad certificate stays bad; anything else may pass.
async fn encrypt(
    server: &str,
    tls: &Tls,
    stream: Box<dyn Stream>,
) -> Result<tokio_rustls::client::TlsStream<Box<dyn Stream>>, Undelivered> {
    let connector = TlsConnector::from(std::sync::Arc::clone(&tls.config));
    connector.connect(tls.name.clone(), stream).await.map_err(|error| {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidCertificate(_)) => Undelivered::for_good(format!(
                "{server} is not trusted: {error}; renew its certificate, or name its authority \
                 by ca_file"
            )),
            Some(_) => Undelivered::for_now(format!("{server} speaks no TLS that we do: {error}")),
            None => Undelivered::for_now(format!(
                "the connection to {server} broke: {}",
                plainly(&error)
            )),
        }
    })
}

impl<'a> Session<'a> {
    fn server(&self) -> String {
        format!("{}:{}", self.mail.host, self.mail.port)
    }

    async fn hear(&mut self) -> Result<Reply, Undelivered> {
        let server = self.server();
        read(&mut self.stream).await.map_err(|error| match error {
            Unreadable::Connection(error) => Undelivered::for_now(format!(
                "the connection to {server} broke: {}",
                plainly(&error)
            )),
            Unreadable::Closed | Unreadable::NoReply => {
                Undelivered::for_now(format!("{server}: {error}"))
            }
        })
    }

    /// Says a line, and hears the reply.
    async fn say(&mut self, command: &str) -> Result<Reply, Undelivered> {
        // Nothing that is said holds a line break: addresses and names were checked when
        // they were configured. If one did, the rest of it would be a command.
        let line: String = command.chars().filter(|character| !character.is_control()).collect();
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.hear().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Undelivered> {
        let server = self.server();
        let broke = |error: io::Error| {
            Undelivered::for_now(format!("the connection to {server} broke: {}", plainly(&error)))
        };
        self.stream.write_all(bytes).await.map_err(broke)?;
        self.stream.flush().await.map_err(broke)
    }

    /// Checks that a reply is the one that lets us go on.
    fn accepted(&self, reply: &Reply, code: u16, while_doing: &str) -> Result<(), Undelivered> {
        if reply.code == code {
            return Ok(());
        }
        Err(self.refused(reply, while_doing))
    }

    fn refused(&self, reply: &Reply, while_doing: &str) -> Undelivered {
        let said = reply.shown();
        let said = match &self.mail.login {
            Some((user, password)) => {
                let said = password.hide(&said);
                // Nor as it went over the wire.
                let coded = [plain_login(user, password), password.reveal().to_owned()];
                coded.iter().fold(said, |said, secret| {
                    let coded = BASE64.encode(secret);
                    said.replace(coded.trim_end_matches('='), "[hidden]")
                })
            }
            None => said,
        };
        let told = format!("{} refused, {while_doing}: {said}", self.server());
        if (500..600).contains(&reply.code) {
            Undelivered::for_good(told)
        } else {
            Undelivered::for_now(told)
        }
    }

    async fn hello(&mut self) -> Result<Reply, Undelivered> {
        let reply = self.say(&format!("EHLO {}", self.mail.hello)).await?;
        self.accepted(&reply, 250, "being greeted by EHLO")?;
        Ok(reply)
    }

    async fn start_tls(mut self, tls: &Tls, offers: &Reply) -> Result<Self, Undelivered> {
        let server = self.server();
        if !offers.offers("STARTTLS") {
            return Err(Undelivered::for_good(format!(
                "{server} offers no STARTTLS, and nothing is sent in the clear; is it the right \
                 port, or is tls = \"implicit\" meant?"
            )));
        }
        let reply = self.say("STARTTLS").await?;
        self.accepted(&reply, 220, "beginning TLS")?;
        // What came with that reply came from anybody, and must not be taken for what
        // the server says under TLS.
        if !self.stream.buffer().is_empty() {
            return Err(Undelivered::for_now(format!(
                "{server} spoke on before TLS began: somebody may be in between"
            )));
        }
        let stream = encrypt(&server, tls, self.stream.into_inner()).await?;
        Ok(Self { mail: self.mail, stream: BufReader::new(Box::new(stream)) })
    }

    async fn log_in(
        &mut self,
        user: &str,
        password: &Secret,
        offers: &Reply,
    ) -> Result<(), Undelivered> {
        let ways = offers.parameters("AUTH").unwrap_or_default();
        let has = |way: &str| ways.iter().any(|offered| offered == way);
        let doing = "logging in";
        let reply = if has("PLAIN") {
            let both = BASE64.encode(plain_login(user, password));
            self.say(&format!("AUTH PLAIN {both}")).await?
        } else if has("LOGIN") {
            let reply = self.say("AUTH LOGIN").await?;
            self.accepted(&reply, 334, doing)?;
            let reply = self.say(&BASE64.encode(user)).await?;
            self.accepted(&reply, 334, doing)?;
            self.say(&BASE64.encode(password.reveal())).await?
        } else {
            return Err(Undelivered::for_good(format!(
                "{} offers neither AUTH PLAIN nor AUTH LOGIN; remove username and password_file \
                 where it needs none",
                self.server()
            )));
        };
        self.accepted(&reply, 235, doing)
    }

    async fn hand_over(&mut self, message: &[u8]) -> Result<(), Undelivered> {
        let reply = self.say(&format!("MAIL FROM:<{}>", self.mail.from.email)).await?;
        self.accepted(&reply, 250, "hearing the sender")?;
        let (mut taken, mut refused) = (0_usize, None);
        for recipient in self.mail.recipients() {
            let reply = self.say(&format!("RCPT TO:<{recipient}>")).await?;
            if matches!(reply.code, 250..=252) {
                taken += 1;
                continue;
            }
            let failure = self.refused(&reply, &format!("hearing the recipient {recipient}"));
            if failure.is_retryable {
                return Err(failure);
            }
            tracing::warn!(why = %failure, "a recipient of alerts is not told");
            refused.get_or_insert(failure);
        }
        if let (0, Some(failure)) = (taken, refused) {
            return Err(failure);
        }
        let reply = self.say("DATA").await?;
        self.accepted(&reply, 354, "being offered the mail")?;
        self.write(&stuffed(message)).await?;
        let reply = self.hear().await?;
        self.accepted(&reply, 250, "having read the mail")
    }
}

/// What AUTH PLAIN says, before it is coded.
fn plain_login(user: &str, password: &Secret) -> String {
    format!("\0{user}\0{}", password.reveal())
}

/// As it goes over the wire: a line that begins with a dot gets another one, since a
/// dot alone ends the message.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            wire.push(b'.');
        }
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        wire.extend_from_slice(bare.strip_suffix(b"\r").unwrap_or(bare));
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// Without the number that only the system's programmers know.
fn plainly(error: &io::Error) -> String {
    let told = error.to_string();
    match told.split_once(" (os error") {
        Some((told, _)) => told.to_lowercase(),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_message_ends_it() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\nc"), b"a\r\n..\r\n...b\r\nc\r\n.\r\n");
        assert_eq!(stuffed(b""), b".\r\n");
    }
}
