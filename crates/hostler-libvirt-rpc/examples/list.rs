//! Lists the domains, networks and storage pools of a daemon:
//! `cargo run --example list -- qemu:///system`.

use hostler_libvirt_rpc::{Connection, Error, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "qemu:///system".into());
    let options = Options {
        // A session daemon is found through the user's environment, which the crate does not read.
        runtime_dir: std::env::var_os("XDG_RUNTIME_DIR").map(Into::into),
        read_only: true,
        ..Options::default()
    };
    let connection = Connection::open(&uri.parse()?, options).await?;
    let mut text = format!("{} on {}\n", connection.uri().await?, connection.hostname().await?);
    for domain in connection.list_all_domains(0).await? {
        let state = connection.domain_state(&domain).await?;
        text += &format!("domain   {} {} state {}", domain.uuid, domain.name, state.state);
        text += &format!(" reason {}\n", state.reason);
    }
    for network in connection.list_all_networks(0).await? {
        text += &format!("network  {} {}\n", network.uuid, network.name);
    }
    for pool in connection.list_all_storage_pools(0).await? {
        text += &format!("pool     {} {}\n", pool.uuid, pool.name);
    }
    print_all(&text);
    connection.close().await
}

#[expect(clippy::print_stdout, reason = "the example's purpose")]
fn print_all(text: &str) {
    print!("{text}");
}
