//! An nginx of the bench's own: its configuration, process, port and files, beside the system's.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostler_lab::{Error, Result, find_program, is_root, poll_until, terminate};

use crate::product;

/// It binds before it forks.
const START_LIMIT: Duration = Duration::from_secs(10);
/// It writes these itself.
const OWN_HEADERS: &[&str] = &["content-length", "content-type", "date", "connection"];

/// A running nginx; ended when dropped.
pub(super) struct Nginx {
    process: Child,
    port: u16,
}

/// What it serves, at every path.
pub(super) struct Content<'a> {
    /// The body.
    pub(super) body: &'a [u8],
    /// The headers beside those that every web server writes by itself.
    pub(super) headers: &'a [(String, String)],
    /// The directory with `server.pem` and `server.key`.
    pub(super) tls: &'a Path,
}

impl Nginx {
    /// Starts one that keeps everything in `directory`.
    ///
    /// # Errors
    /// When it does not start; the error repeats what it wrote.
    pub(super) fn start(directory: &Path, content: &Content<'_>) -> Result<Nginx> {
        fs::create_dir_all(directory.join("www"))?;
        fs::write(directory.join("www/answer"), content.body)?;
        let port = product::free_port()?;
        let configuration = configuration(directory, port, content)?;
        let file = directory.join("nginx.conf");
        fs::write(&file, configuration)?;
        let log = directory.join("error.log");
        let program = find_program("nginx").unwrap_or_else(|| "nginx".into());
        let mut command = Command::new(program);
        // `-e`: what goes wrong before the configuration is read is not written to the system's log.
        command.arg("-e").arg(&log).arg("-p").arg(directory).arg("-c").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut nginx = Nginx { process: command.spawn()?, port };
        let started = poll_until(START_LIMIT, || match nginx.process.try_wait() {
            Ok(Some(status)) => Ok(Err(Error::new(format!("it ended at once ({status})")))),
            _ => TcpStream::connect(("127.0.0.1", port)).map(|_| Ok(())).map_err(Error::from),
        });
        started.and_then(|inner| inner).map_err(|error| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            error.context(format!("nginx does not start; it said {said:?}"))
        })?;
        Ok(nginx)
    }

    /// Its process, whose children do the work.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What to ask for.
    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/answer", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = terminate(self.process.id());
        let _ = self.process.wait();
    }
}

/// Everything that would make it slower than it has to be is off: logs, looking at the file anew,
/// connections that end after a thousand requests.
fn configuration(directory: &Path, port: u16, content: &Content<'_>) -> Result<String> {
    let at = |name: &str| quoted(&directory.join(name).to_string_lossy());
    let tls = |name: &str| quoted(&content.tls.join(name).to_string_lossy());
    // Started by root it would give its rights away, and could not read the bench's files then.
    let user = if is_root() { "user root;\n" } else { "" };
    let mut headers = String::new();
    for (name, value) in content.headers {
        if !OWN_HEADERS.contains(&name.as_str()) {
            headers.push_str(&format!("            add_header {name} {};\n", quoted(value)?));
        }
    }
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        temporary.push_str(&format!("    {kind}_temp_path {};\n", at(kind)?));
    }
    Ok(format!(
        "{user}daemon off;
worker_processes auto;
pid {pid};
error_log {log} warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    open_file_cache max=16 inactive=1h;
    open_file_cache_valid 1h;
{temporary}    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        root {www};
        location / {{
            default_type application/json;
            etag off;
{headers}        }}
    }}
}}
",
        pid = at("nginx.pid")?,
        log = at("error.log")?,
        certificate = tls("server.pem")?,
        key = tls("server.key")?,
        www = at("www")?,
    ))
}

/// A word of the configuration. What cannot be written there is refused, not changed.
fn quoted(text: &str) -> Result<String> {
    // A variable begins with `$`, and nothing takes that meaning from it.
    if text.chars().any(|c| c == '$' || c.is_control()) {
        return Err(Error::new(format!("{text:?} cannot stand in a configuration of nginx")));
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(headers: &[(&str, &str)]) -> Result<String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<_> = headers.iter().map(owned).collect();
        let content = Content { body: b"{}", headers: &headers, tls: Path::new("/t/tls") };
        configuration(Path::new("/t/nginx"), 4711, &content)
    }

    #[test]
    fn nothing_of_the_systems_nginx_is_used() {
        let text = configured(&[]).unwrap();
        for line in [
            "pid \"/t/nginx/nginx.pid\";",
            "error_log \"/t/nginx/error.log\" warn;",
            "listen 127.0.0.1:4711 ssl;",
            "client_body_temp_path \"/t/nginx/client_body\";",
            "ssl_certificate_key \"/t/tls/server.key\";",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        assert!(!text.contains("include"), "{text}");
    }

    #[test]
    fn headers_are_given_as_they_were_but_for_those_it_writes_itself() {
        let policy = "default-src 'self'; img-src data:";
        let text = configured(&[("content-security-policy", policy), ("date", "today")]).unwrap();
        assert!(text.contains(&format!("add_header content-security-policy \"{policy}\";")));
        assert!(!text.contains("today"), "{text}");
    }

    #[test]
    fn a_header_that_nginx_would_read_as_something_else_is_refused() {
        for value in ["$remote_addr", "a\nb"] {
            assert!(configured(&[("x", value)]).is_err(), "{value}");
        }
        let text = configured(&[("link", "</next>; rel=\"next\""), ("x", "a\\b")]).unwrap();
        assert!(text.contains("add_header link \"</next>; rel=\\\"next\\\"\";"), "{text}");
        assert!(text.contains("add_header x \"a\\\\b\";"), "{text}");
    }
}
