//! The address of a database, which holds no password.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What may be said behind `?`.
const PARAMETERS: &[&str] = &["host", "hostaddr", "port", "user", "dbname"];

/// Reads an address; how it is told to people.
pub(super) fn read(text: &str) -> Result<(Config, String), String> {
    let rest = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
    let Some(rest) = rest else {
        return Err("the URL has to begin with postgresql://, as in \
                    postgresql://user@host:5432/database"
            .to_owned());
    };
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    // Whoever connects takes everything before the first `@` for user and password.
    let user = rest.split_once('@').map_or("", |(user, _)| user);
    let has_password = || {
        "the URL has a password in it; give it by password_file, so that it is not shown where \
         URLs are"
            .to_owned()
    };
    if user.contains(':') {
        return Err(has_password());
    }
    let names = query.split('&').filter(|pair| !pair.is_empty());
    let names = names.map(|pair| pair.split('=').next().unwrap_or_default());
    for name in names {
        if !PARAMETERS.contains(&name) {
            return Err(match name {
                "password" => "the URL has a password in it; give it by password_file".to_owned(),
                "sslmode" => "the URL has `sslmode` in it; say `tls` beside it".to_owned(),
                name => {
                    format!("the URL has `{name}` in it; there may be {}", PARAMETERS.join(", "))
                }
            });
        }
    }
    // Its own errors may repeat what was given, which holds no secret by now.
    let config: Config = text.parse().map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("the URL cannot be read: {source}"),
        None => format!("the URL cannot be read: {error}"),
    })?;
    if config.get_password().is_some() {
        return Err(has_password());
    }
    let Some(host) = config.get_hosts().first() else {
        return Err("the URL names no host, as in postgresql://user@host:5432/database".to_owned());
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let told = match host {
        Host::Tcp(host) => format!("postgresql://{host}:{port}"),
        Host::Unix(path) => format!("postgresql at {}", path.display()),
    };
    Ok((config, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_by_its_server() {
        for (given, told) in [
            ("postgresql://hostler@db.example:5433/metrics", "postgresql://db.example:5433"),
            ("postgres://db/metrics", "postgresql://db:5432"),
            ("postgresql:///metrics?host=/run/postgresql", "postgresql at /run/postgresql"),
        ] {
            assert_eq!(read(given).unwrap().1, told);
        }
    }

    #[test]
    fn what_is_no_address_or_holds_a_secret_is_refused() {
        for (given, why) in [
            ("db:5432", "has to begin with"),
            ("postgresql://u:secret@db/x", "password_file"),
            ("postgresql://db/x?password=secret", "password_file"),
            ("postgresql://db/x?sslmode=require", "`tls`"),
            ("postgresql://db/x?options=secret", "`options`"),
            ("postgresql:///x", "no host"),
            ("postgresql://db:port/x", "cannot be read"),
        ] {
            let told = read(given).unwrap_err();
            assert!(told.contains(why) && !told.contains("secret"), "{given}: {told}");
        }
    }
}
