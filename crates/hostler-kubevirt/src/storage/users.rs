//! Which VMs of a namespace have which claims. Asked of the cluster itself each time: what is done
//! by it, deleting a claim or giving it to a VM, cannot be taken back, and what is followed may
//! lie behind.
//!
//! A VM that is off has its claims too. Kubernetes does not know that: it protects what pods use,
//! lets two VMs name one claim, and two pods of one node write to it.

use hostler_provider::{Cx, Result};

use crate::call::{Caller, Selection};
use crate::link::Link;
use crate::objects::domain::InstanceSpec;
use crate::objects::{self, VirtualMachine, VirtualMachineInstance};
use crate::resource::Resource;

/// Who has which claims of one namespace.
pub(crate) struct Users(Vec<Has>);

struct Has {
    name: String,
    runs: bool,
    spec: InstanceSpec,
}

/// A VM that has a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User<'a> {
    pub(crate) name: &'a str,
    /// Whether it has the claim as it runs, and not only for its next start.
    pub(crate) runs: bool,
}

impl Users {
    /// Asks who there is.
    ///
    /// # Errors
    /// As the cluster could not be asked, or what it told cannot be read.
    pub(crate) async fn of(cx: &Cx, link: &Link, caller: &Caller, namespace: &str) -> Result<Self> {
        let mut all = Vec::new();
        for resource in [Resource::VMIS, Resource::VMS] {
            let selection = Selection::all(resource, Some(namespace.to_owned()));
            let page = caller.list(cx, &selection).await.map_err(|failure| link.noted(failure))?;
            for document in page.items {
                let runs = resource == Resource::VMIS;
                let (name, spec) = match runs {
                    true => {
                        let vmi: VirtualMachineInstance = objects::read(document)?;
                        let is_over = vmi.is_over();
                        let spec = vmi.spec.as_ref().filter(|_| !is_over).cloned();
                        (vmi.metadata.name.owned(), spec)
                    }
                    false => {
                        let vm: VirtualMachine = objects::read(document)?;
                        let spec = vm.spec.template.spec.as_ref().cloned();
                        (vm.metadata.name.owned(), spec)
                    }
                };
                if let (Some(name), Some(spec)) = (name, spec) {
                    all.push(Has { name, runs, spec });
                }
            }
        }
        Ok(Self(all))
    }

    /// Somebody who has a claim and does not bear the name `except`; who runs, first.
    pub(crate) fn of_claim(&self, claim: &str, except: Option<&str>) -> Option<User<'_>> {
        let mut others = self.0.iter().filter(|one| except != Some(&*one.name));
        let found = others.find(|one| one.spec.uses_claim(claim))?;
        Some(User { name: &found.name, runs: found.runs })
    }
}
