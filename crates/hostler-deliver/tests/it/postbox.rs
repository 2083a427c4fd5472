//! A mail server that answers as it was told, line by line, and remembers what it heard.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::notices::Files;

/// What it says when it hears a line that begins so; `*` is heard when the mail is read.
pub(crate) type Script = &'static [(&'static str, &'static str)];

/// How TLS begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    AtOnce,
    WhenAsked,
    Never,
}

/// A server that takes everything.
pub(crate) const WILLING: Script = &[
    ("", "220 mail.example ESMTP"),
    ("EHLO", "250-mail.example\r\n250-AUTH LOGIN PLAIN\r\n250 STARTTLS"),
    ("STARTTLS", "220 go ahead"),
    ("AUTH PLAIN", "235 welcome"),
    ("MAIL", "250 ok"),
    ("RCPT", "250 ok"),
    ("DATA", "354 go on"),
    ("*", "250 taken"),
    ("QUIT", "221 bye"),
];

/// It stops when dropped.
pub(crate) struct Postbox {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    /// The certificate it shows, for `ca_file`.
    pub(crate) authority: PathBuf,
    pub(crate) files: Files,
    _tasks: JoinSet<()>,
}

impl Postbox {
    pub(crate) async fn new(begins: Begins, script: Script) -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let files = Files::new();
        let authority = files.with("ca.pem", &signed.cert.pem());
        let key = PrivateKeyDer::Pkcs8(signed.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&heard);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let heard = &remembered;
                if begins == Begins::AtOnce {
                    let Ok(stream) = acceptor.accept(stream).await else { continue };
                    speak(stream, script, heard, true).await;
                } else if let Some(plain) = speak(stream, script, heard, true).await
                    && begins == Begins::WhenAsked
                    && let Ok(stream) = acceptor.accept(plain).await
                {
                    heard.lock().unwrap().push("(TLS)".into());
                    speak(stream, script, heard, false).await;
                }
            }
        });
        Self { port, heard, authority, files, _tasks: tasks }
    }

    /// The commands it heard; those of a mail's text are not among them.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().filter(|it| !it.contains('\n')).cloned().collect()
    }

    /// The mails it was given, as they came over the wire.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().filter(|it| it.contains('\n')).cloned().collect()
    }
}

/// Plays the script; the stream again where TLS is to begin on it.
async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    script: Script,
    heard: &Mutex<Vec<String>>,
    greets: bool,
) -> Option<S> {
    let says = |line: &str| {
        let found = script.iter().find(|(begin, _)| match *begin {
            "" | "*" => line == *begin,
            begin => line.starts_with(begin),
        });
        found.map(|(_, answer)| format!("{answer}\r\n"))
    };
    let mut stream = BufReader::new(stream);
    if greets {
        stream.write_all(says("")?.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        heard.lock().unwrap().push(line.clone());
        // A line that it has no answer to ends the connection.
        let answer = says(&line)?;
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        if line == "STARTTLS" && answer.starts_with("220") {
            return Some(stream.into_inner());
        }
        if line == "DATA" && answer.starts_with("354") {
            let mut mail = String::new();
            while !mail.ends_with("\r\n.\r\n") {
                if stream.read_line(&mut mail).await.ok()? == 0 {
                    return None;
                }
            }
            heard.lock().unwrap().push(mail);
            stream.write_all(says("*")?.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
        }
    }
}
