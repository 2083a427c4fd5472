//! `hostler version`: this program, the server, and who one is there.

use hostler_api::{Nothing, v1};
use serde_json::json;

use crate::app::App;
use crate::failure::Result;

pub(crate) async fn run(app: &App) -> Result {
    let own = env!("CARGO_PKG_VERSION");
    let view = app.view()?;
    if view.is_for_people() {
        // Said first: it is true whether or not a server answers.
        app.terminal.write(&format!("hostler {own}\n"))?;
    }
    let client = app.client()?;
    let server = client.show::<v1::ServerShow>(&Nothing {}).await?;
    // Without a login the server still tells its version.
    let session = client.show::<v1::SessionShow>(&Nothing {}).await.ok();
    if !view.is_for_people() {
        let session = session.map(|session| session.json);
        return view.document(&json!({
            "version": own, "address": client.address().to_string(), "server": server.json,
            "session": session,
        }));
    }
    let server = server.value;
    let demo = if server.simulated { ", a demo: everything it shows is made up" } else { "" };
    let who = session.map_or("not logged in".to_owned(), |session| {
        format!("as {} ({})", session.value.actor, session.value.role)
    });
    let line = format!("server {} at {} {who}{demo}", server.version, client.address());
    app.terminal.write(&(crate::text::printable(&line) + "\n"))
}
