//! Who may do what: pure, and the same answer for API, CLI and UI.
//!
//! In this version an actor is an administrator, a reader of everything or one
//! that only pushes metrics; roles per project come with their own issue and
//! change only this file's callers' data, not their calls.

use std::fmt;

use crate::error::{Code, Error, Result};

/// Somebody, or a part of Hostler, that acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    /// How it is named in audit and idempotency records, for example
    /// `token:ci`, `local:root`, `session:admin`, `system`.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

impl Actor {
    /// Hostler itself, for example when it recovers an operation.
    pub fn system() -> Self {
        Self { name: "system".into(), role: Role::Admin }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What an actor may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// Look at everything but secrets; change nothing.
    Reader,
    /// Push metrics, and nothing else: what a script in a guest needs.
    Pusher,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[Self::Admin, Self::Reader, Self::Pusher];

    /// The word used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Reader => "reader",
            Self::Pusher => "pusher",
        }
    }

    /// The role written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text)
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $word:literal $(reader $reader:ident)? $(pusher $pusher:ident)?,)*) => {
        /// One thing that can be allowed; every endpoint needs exactly one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $name,)* }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word used in documents.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Whether somebody who may only look has it.
            const fn is_readers(self) -> bool {
                match self { $(Self::$name => permissions!(@has $($reader)?),)* }
            }

            /// Whether somebody who may only push metrics has it.
            const fn is_pushers(self) -> bool {
                match self { $(Self::$name => permissions!(@has $($pusher)?),)* }
            }
        }
    };
    (@has yes) => { true };
    (@has) => { false };
}

permissions! {
    /// Needs no credentials.
    Public = "public" reader yes pusher yes,
    /// Needs valid credentials, nothing more.
    Authenticated = "authenticated" reader yes pusher yes,
    /// See VMs.
    VmRead = "vm.read" reader yes,
    /// Make VMs.
    VmCreate = "vm.create",
    /// Change VMs' configuration.
    VmUpdate = "vm.update",
    /// Start, stop, pause … VMs.
    VmPower = "vm.power",
    /// Take, delete and go back to snapshots of VMs.
    VmSnapshot = "vm.snapshot",
    /// Move running VMs to other hosts.
    VmMigrate = "vm.migrate",
    /// Delete VMs.
    VmDelete = "vm.delete",
    /// Take VMs that were made elsewhere into care, leave them alone, and let them go.
    VmAdopt = "vm.adopt",
    /// Open VMs' consoles.
    VmConsole = "vm.console",
    /// See the provider's raw definition of a VM.
    VmRaw = "vm.raw",
    /// See hosts, providers, pools, volumes and networks.
    InfraRead = "infra.read" reader yes,
    /// Add, change and remove providers.
    ProviderManage = "provider.manage",
    /// Make and delete volumes.
    VolumeManage = "volume.manage",
    /// See images.
    ImageRead = "image.read" reader yes,
    /// Import and delete images.
    ImageManage = "image.manage",
    /// See templates of VMs, without their cloud-init documents.
    TemplateRead = "template.read" reader yes,
    /// Make, change and delete templates, and see all of them.
    TemplateManage = "template.manage",
    /// See operations and events.
    OperationRead = "operation.read" reader yes,
    /// Cancel, retry and resolve operations.
    OperationManage = "operation.manage",
    /// Make and revoke API tokens.
    TokenManage = "token.manage",
    /// See Hostler's own metrics.
    MetricsRead = "metrics.read" reader yes,
    /// Push metrics of one's own.
    MetricsWrite = "metrics.write" pusher yes,
    /// See alerts, silences, rules and receivers.
    AlertRead = "alert.read" reader yes,
    /// Acknowledge and silence alerts.
    AlertManage = "alert.manage",
}

/// Whether `actor` has `permission`.
pub fn may(actor: &Actor, permission: Permission) -> Result<()> {
    let has = match actor.role {
        Role::Admin => true,
        Role::Reader => permission.is_readers(),
        Role::Pusher => permission.is_pushers(),
    };
    if has {
        return Ok(());
    }
    let message = format!("{actor} lacks the permission {}", permission.as_str());
    Err(Error::new(Code::PermissionDenied, message).with_detail("permission", permission.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(role: Role) -> Vec<&'static str> {
        let actor = Actor { name: "token:x".into(), role };
        let all = Permission::ALL.iter().filter(|it| may(&actor, **it).is_ok());
        all.map(|it| it.as_str()).collect()
    }

    #[test]
    fn a_reader_changes_nothing() {
        assert_eq!(
            allowed(Role::Reader),
            [
                "public",
                "authenticated",
                "vm.read",
                "infra.read",
                "image.read",
                "template.read",
                "operation.read",
                "metrics.read",
                "alert.read"
            ]
        );
    }

    #[test]
    fn c25e_who_pushes_metrics_sees_and_changes_nothing_else() {
        assert_eq!(allowed(Role::Pusher), ["public", "authenticated", "metrics.write"]);
    }

    #[test]
    fn every_role_is_read_as_it_is_written() {
        assert!(Role::ALL.iter().all(|role| Role::parse(role.as_str()) == Some(*role)));
        assert_eq!(Role::parse("root"), None);
    }

    #[test]
    fn a_refusal_names_the_permission() {
        let reader = Actor { name: "token:grafana".into(), role: Role::Reader };
        let error = may(&reader, Permission::VmDelete).unwrap_err();
        assert_eq!(error.to_string(), "token:grafana lacks the permission vm.delete");
    }

    #[test]
    fn an_administrator_may_do_everything() {
        assert!(Permission::ALL.iter().all(|p| may(&Actor::system(), *p).is_ok()));
    }
}
