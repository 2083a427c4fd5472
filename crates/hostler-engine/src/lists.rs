//! Hosts, pools and networks, as they are told: what is seen of them, by list or
//! by id. Nothing is done to them.

use std::sync::Arc;

use hostler_core::id::{HostId, NetworkId, PoolId};
use hostler_core::query::ListRequest;
use hostler_core::{Code, Error, Result};

use crate::{HostView, Inner, Listed, NetworkView, PoolView};

macro_rules! lists {
    ($($name:ident, $noun:literal: $field:ident, $id:ty => $view:ident, $missing:ident;)*) => {$(
        #[doc = concat!("What is seen of each ", $noun, ".")]
        pub struct $name<'a> {
            engine: &'a Arc<Inner>,
        }

        impl<'a> $name<'a> {
            pub(crate) fn new(engine: &'a Arc<Inner>) -> Self {
                Self { engine }
            }

            #[doc = concat!("A page of them; fields are [`", stringify!($view), "::FIELDS`].")]
            pub fn list(&self, request: &ListRequest) -> Listed<Arc<$view>> {
                let snapshot = self.engine.fleet.snapshot();
                Inner::list(&snapshot, snapshot.$field.values(), request)
            }

            /// One of them.
            pub fn get(&self, id: $id) -> Result<Arc<$view>> {
                self.engine.fleet.snapshot().$field.get(&id).cloned().ok_or_else(|| {
                    let message = format!(concat!("there is no ", $noun, " with the id {}"), id);
                    Error::new(Code::$missing, message)
                })
            }
        }
    )*};
}

lists! {
    Hosts, "host": hosts, HostId => HostView, HostNotFound;
    Pools, "pool": pools, PoolId => PoolView, PoolNotFound;
    Networks, "network": networks, NetworkId => NetworkView, NetworkNotFound;
}
