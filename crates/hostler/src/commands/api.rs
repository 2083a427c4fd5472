//! `hostler api`: a request as it is, for what has no command.

use std::io::Read;

use bytes::Bytes;
use hostler_api::Problem;
use hostler_client::{Error, RawRequest, Terms};
use http::Method;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::output::Format;
use crate::text::printable_lines;

const EXAMPLES: &str = "\
Examples:
  hostler api GET '/api/v1/vms?limit=1'
  hostler api POST /api/v1/vms --data @vm.json
  hostler api PATCH /api/v1/vms/ID --data '{\"description\": \"x\"}' --if-match '\"3\"'";

/// A request.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// GET, POST, PUT, PATCH or DELETE.
    method: String,
    /// The path and query, for example /api/v1/vms?limit=1.
    path: String,
    /// The body: JSON, @FILE, or - for stdin.
    #[arg(short, long, value_name = "BODY")]
    data: Option<String>,
    /// Do it only if the resource still has this ETag.
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    /// The key by which a POST is done only once [default: random].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Show status and headers above the body.
    #[arg(short, long)]
    include: bool,
}

pub(crate) async fn run(app: &App, args: Args) -> Result {
    let method: Method = args
        .method
        .to_uppercase()
        .parse()
        .map_err(|_| Failure::usage(format!("`{}` is no method", args.method)))?;
    let kind = match method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let body = match &args.data {
        Some(data) => Some((read_data(data)?, kind.to_owned())),
        None => None,
    };
    let terms = Terms {
        if_match: args.if_match,
        idempotency_key: args.idempotency_key,
        ..Terms::default()
    };
    let request = RawRequest { method, target: args.path, body, terms };
    let answer = app.client()?.raw(request).await?;
    if args.include {
        let mut head = format!("{}\n", answer.status);
        for (name, value) in &answer.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            head.push_str(&format!("{name}: {}\n", crate::text::printable(&value)));
        }
        app.terminal.write(&(head + "\n"))?;
    }
    let view = app.view()?;
    let is_done = (200..300).contains(&answer.status);
    match &answer.json {
        serde_json::Value::Null if app.terminal.is_screen => {
            let text = String::from_utf8_lossy(&answer.value);
            app.terminal.write(&printable_lines(&text))?;
        }
        serde_json::Value::Null => app.terminal.write_bytes(&answer.value)?,
        // A template is for what was asked for, which a problem is not.
        _ if view.format == Format::Template && !is_done => {}
        json if view.is_document() || app.terminal.is_screen => view.document(json)?,
        // To a program it goes as it came.
        _ => app.terminal.write_bytes(&answer.value)?,
    }
    if is_done {
        return Ok(());
    }
    match serde_json::from_value::<Problem>(answer.json) {
        Ok(problem) => Err(Error::Problem(Box::new(problem)).into()),
        Err(_) => Err(Failure::new(1, format!("the server answered {}", answer.status))),
    }
}

/// A body as `--data` names it; a file or stdin keeps it off the command line.
fn read_data(data: &str) -> Result<Bytes> {
    let failed = |what: &str, error: std::io::Error| {
        Failure::usage(format!("cannot read the body from {what}: {error}"))
    };
    match (data, data.strip_prefix('@')) {
        ("-" | "@-", _) => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map_err(|error| failed("stdin", error))?;
            Ok(bytes.into())
        }
        (_, Some(file)) => {
            std::fs::read(file).map(Bytes::from).map_err(|error| failed(file, error))
        }
        (text, None) => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}
