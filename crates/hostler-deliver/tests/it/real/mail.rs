//! A real mail server takes a mail by TLS, and a real reader reads it.

use std::fs;
use std::process::Command;

use hostler_core::alert::notice::Status;
use serde_json::Value;

use super::program::Program;
use crate::notices::{HOSTILE, alert, notice, receiver};

/// Takes mail of one user, by TLS alone, into a folder; says its port.
const SERVER: &str = r#"
import asyncio, ssl, sys
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult

home, way = sys.argv[1:]
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(home + "/cert.pem", home + "/key.pem")

def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"hostler" and data.password == b"s3cret-of-ours"
    return AuthResult(success=good, handled=good)

def session():
    start = tls if way == "starttls" else None
    return SMTP(Mailbox(home + "/mails"), hostname="localhost", tls_context=start,
                require_starttls=way == "starttls", authenticator=authenticate,
                auth_required=True, auth_require_tls=way == "starttls")

async def main():
    loop = asyncio.get_running_loop()
    wrap = tls if way == "implicit" else None
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=wrap)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

/// Reads the mails as a mail program does.
const READER: &str = r#"
import email, email.policy, json, pathlib, sys
mails = []
for path in sorted(pathlib.Path(sys.argv[1], "mails", "new").iterdir()):
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    mails.append({
        "subject": mail["Subject"], "from": mail["From"], "to": mail["To"],
        "names": [name for name in mail.keys() if not name.startswith("X-")],
        "defects": [repr(d) for part in mail.walk() for d in part.defects],
        "text": mail.get_body(("plain",)).get_content(),
        "html": mail.get_body(("html",)).get_content(),
    })
print(json.dumps(mails))
"#;

struct Server {
    program: Program,
    port: u16,
}

impl Server {
    fn start(way: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(home.path().join("cert.pem"), signed.cert.pem()).unwrap();
        fs::write(home.path().join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        fs::write(home.path().join("password"), "s3cret-of-ours\n").unwrap();
        let mut command = Command::new("/usr/bin/python3");
        command.env("PYTHONPATH", hostler_lab::mail::need_modules());
        command.args(["-W", "ignore", "-c", SERVER]).arg(home.path()).arg(way);
        let mut program = Program::start(&mut command, home);
        let port = program.says(|log| {
            let line = log.lines().find(|line| line.starts_with("port "))?;
            line.rsplit(' ').next()?.parse().ok()
        });
        Self { program, port }
    }

    fn config(&self, way: &str, user: &str) -> String {
        let home = self.program.home.path().display();
        format!(
            "smtp = {{ host = 'localhost', port = {}, tls = '{way}', ca_file = '{home}/cert.pem', \
             username = '{user}', password_file = '{home}/password', \
             from = 'Hostler <hostler@example.org>', to = ['Ada <ada@example.org>', \
             'ops@example.org'], subject = 'Größe: VM {{{{ $labels.vm }}}} ruht' }}",
            self.port
        )
    }

    fn mails(&self) -> Vec<Value> {
        let reading = Command::new("/usr/bin/python3")
            .args(["-c", READER])
            .arg(self.program.home.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&reading.stderr);
        assert!(reading.status.success(), "{told}");
        serde_json::from_slice(&reading.stdout).unwrap()
    }
}

#[tokio::test]
async fn d22_a_real_mail_server_takes_a_mail_that_a_real_reader_reads() {
    for way in ["starttls", "implicit"] {
        let server = Server::start(way);
        let notice = notice(vec![alert(HOSTILE, Status::Firing), alert("wéb", Status::Firing)]);
        receiver(&server.config(way, "hostler")).deliver(&notice).await.unwrap();
        let one = crate::notices::notice(vec![alert("wéb", Status::Firing)]);
        receiver(&server.config(way, "hostler")).deliver(&one).await.unwrap();
        let mails = server.mails();
        assert_eq!(mails.len(), 2);
        for mail in &mails {
            assert_eq!(mail["defects"], Value::Array(Vec::new()), "{mail}");
            assert_eq!(mail["from"], "Hostler <hostler@example.org>");
            assert_eq!(mail["to"], "Ada <ada@example.org>, ops@example.org");
            let names = mail["names"].to_string();
            assert!(!names.contains("Bcc"), "{names}");
        }
        // The one with that name in it, whichever came first in the folder.
        let is_hostile = |mail: &&Value| mail["text"].as_str().unwrap().contains("script");
        let hostile = mails.iter().find(is_hostile).unwrap();
        let text = hostile["text"].as_str().unwrap();
        assert!(text.contains("VM wéb is paused") && text.contains("all@example.org"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
        let html = hostile["html"].as_str().unwrap();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
        let single = mails.iter().find(|mail| !is_hostile(mail)).unwrap();
        assert_eq!(single["subject"], "Größe: VM wéb ruht");
    }
}

#[tokio::test]
async fn a_real_mail_server_refuses_a_stranger_for_good() {
    let server = Server::start("starttls");
    let failure = receiver(&server.config("starttls", "somebody"))
        .deliver(&crate::notices::firing())
        .await
        .unwrap_err();
    assert!(!failure.is_retryable && failure.told.contains("logging in: 535"), "{failure}");
    assert!(!server.program.home.path().join("mails/new").exists() || server.mails().is_empty());
}
