//! Forgetting a place where VMs run: a provider, or a cluster, which is one.

use hostler_api::{Endpoint, Nothing, Page, PageQuery};
use hostler_client::Client;
use serde::Serialize;

use super::{DryRunArg, confirm};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::output::Resource;
use crate::resolve::by_name;

/// How somebody wants it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forgetting {
    /// Without being asked.
    pub(super) yes: bool,
    /// That there is none of that name is a success.
    pub(super) if_exists: bool,
    /// Whether it is only told.
    pub(super) dry_run: DryRunArg,
}

/// Forgets what `wanted` names in the list `L`, after saying `what` becomes of it.
pub(super) async fn forget<L, T>(
    app: &App,
    (client, wanted): (&Client, &str),
    how: Forgetting,
    what: impl FnOnce(&T) -> String,
    remove: impl AsyncFnOnce(String) -> hostler_client::Result<Nothing>,
) -> Result
where
    L: Endpoint<Path = Nothing, Body = Nothing, Reply = Page<T>>,
    L::Query: PageQuery + Sync,
    T: Resource + Serialize,
{
    let found = match by_name::<L, T>(client, wanted, |_| None).await {
        Err(failure) if how.if_exists && failure.is_not_found() => {
            app.say(format!("there is no {} \"{wanted}\"", T::NOUN));
            return Ok(());
        }
        found => found?.value,
    };
    let called = format!("{} \"{}\"", T::NOUN, found.name());
    let what = format!("{called} {}", what(&found));
    if how.dry_run.tell(app, &[format!("- {what}")])? {
        return Ok(());
    }
    confirm(app, how.yes, &[what], None)?;
    remove(found.id())
        .await
        .map_err(|error| Failure::from(error).during(format!("cannot remove {called}")))?;
    app.say(format!("{called} removed"));
    Ok(())
}
