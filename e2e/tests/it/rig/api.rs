//! The API as a program sees it, without async: a story is a sequence.

use hostler_api::{Endpoint, ListQuery, Nothing, Page, v1};
use hostler_client::{Answer, Client, Events, Followed, Item, Options, Result, Terms};
use hostler_client::{Waited, Waiting};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use super::{PATIENCE, check, eventually};

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Api {
    runtime: Runtime,
    client: Client,
}

impl Api {
    pub(crate) fn new(options: Options) -> Self {
        // A worker of its own, so that connections notice their end between two calls.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self { runtime, client: Client::new(options).unwrap() }
    }

    /// Calls `E`.
    pub(crate) fn ask<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: &E::Body,
        terms: &Terms,
    ) -> Result<Answer<E::Reply>> {
        self.runtime.block_on(self.client.ask::<E>(path, query, body, terms))
    }

    /// Reads what has only a path.
    pub(crate) fn show<E>(&self, path: &E::Path) -> Result<Answer<E::Reply>>
    where
        E: Endpoint<Query = Nothing, Body = Nothing>,
    {
        self.runtime.block_on(self.client.show::<E>(path))
    }

    /// The list `E`, all pages of it.
    pub(crate) fn list<E, T>(&self, path: E::Path) -> Vec<Item<T>>
    where
        E: Endpoint<Query = ListQuery, Body = Nothing, Reply = Page<T>>,
        E::Path: Sync,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let pages = self.client.pages::<E, T>(path, ListQuery::default());
        self.runtime.block_on(pages.all(None)).unwrap().items
    }

    /// All VMs.
    pub(crate) fn vms(&self) -> Vec<v1::VmSummary> {
        let vms = self.list::<v1::VmList, v1::VmSummary>(Nothing {});
        vms.into_iter().map(|item| item.value).collect()
    }

    /// The VM of that name.
    #[track_caller]
    pub(crate) fn vm(&self, name: &str) -> v1::Vm {
        let found = self.vms().into_iter().find(|vm| vm.name == name);
        let id = found.unwrap_or_else(|| panic!("there is no VM {name}")).id;
        self.show::<v1::VmShow>(&v1::VmPath { vm: id }).unwrap().value
    }

    /// The provider of that name.
    #[track_caller]
    pub(crate) fn provider(&self, name: &str) -> v1::Provider {
        let found = self.list::<v1::ProviderList, v1::Provider>(Nothing {});
        let found = found.into_iter().find(|item| item.value.name == name);
        found.unwrap_or_else(|| panic!("there is no provider {name}")).value
    }

    /// Waits until that VM is seen in `state`.
    #[track_caller]
    pub(crate) fn until_state(&self, name: &str, state: &str) {
        eventually(&format!("VM {name} is {state}"), || {
            let status = self.vm(name).summary.status;
            check(status.state == state && status.quality == "ok", || format!("{status:?}"))
        });
    }

    /// Waits until that provider is in `state`; gives it.
    #[track_caller]
    pub(crate) fn until_provider(&self, name: &str, state: &str) -> v1::Provider {
        eventually(&format!("provider {name} is {state}"), || {
            let provider = self.provider(name);
            if provider.state == state { Ok(provider) } else { Err(format!("{provider:?}")) }
        })
    }

    /// Waits for the end of an operation.
    #[track_caller]
    pub(crate) fn settled(&self, id: &str) -> v1::Operation {
        let waiting = Waiting { timeout: Some(PATIENCE), ..Waiting::default() };
        match self.runtime.block_on(self.client.wait_operation(id, waiting, |_| {})).unwrap() {
            Waited::Settled(answer) => answer.value,
            Waited::Running(answer) => panic!("it does not end: {:?}", answer.value),
        }
    }

    /// Follows events after the one numbered `since`, or from now on.
    pub(crate) fn events(&self, since: Option<u64>) -> Follower<'_> {
        let query = v1::EventQuery { since, types: None };
        let events = self.runtime.block_on(self.client.events(query)).unwrap();
        Follower { api: self, events }
    }
}

/// Reads events as they come.
#[derive(Debug)]
pub(crate) struct Follower<'a> {
    api: &'a Api,
    events: Events,
}

impl Follower<'_> {
    /// The next event for which `is_it` holds; those before it are left behind.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_it: impl Fn(&v1::Event) -> bool) -> v1::Event {
        let mut passed = Vec::new();
        let found = self.api.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async {
                loop {
                    match self.events.next().await.unwrap() {
                        Followed::Event(event) if is_it(&event.value) => return event.value,
                        Followed::Event(event) => passed.push(event.value.message),
                        Followed::Resync => passed.push("resync".into()),
                    }
                }
            })
            .await
        });
        found.unwrap_or_else(|_| panic!("no event says that {what}; those that came: {passed:#?}"))
    }
}
