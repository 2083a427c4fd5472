//! Users of this machine, known by the kernel's word on the unix socket.

use hostler_core::access::{Actor, Role};
use hostler_core::{Code, Error, Result};

/// The group whose members may use the socket.
pub const GROUP: &str = "hostler";

/// Who of this machine may do what.
#[derive(Debug, Clone)]
pub struct LocalUsers {
    own_uid: u32,
    passwd: String,
    group: String,
}

impl LocalUsers {
    /// Users and groups as the system's files list them.
    pub fn of_system() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let own_uid = rustix::process::getuid().as_raw();
        Self { own_uid, passwd: read("/etc/passwd"), group: read("/etc/group") }
    }

    /// The same from texts in the form of those files.
    pub fn new(own_uid: u32, passwd: &str, group: &str) -> Self {
        Self { own_uid, passwd: passwd.to_owned(), group: group.to_owned() }
    }

    /// The id of the group whose members may use the socket, where there is one.
    pub fn group_id(&self) -> Option<u32> {
        self.group_line()?.split(':').nth(2)?.parse().ok()
    }

    /// Who the process with this user and group acts as: root, the server's own user
    /// and members of the group administer.
    pub fn actor(&self, uid: u32, gid: u32) -> Result<Actor> {
        let user = self.user_name(uid);
        let is_member = || {
            let members = self.group_line().and_then(|line| line.split(':').nth(3));
            self.group_id() == Some(gid)
                || members.is_some_and(|list| list.split(',').any(|one| one.trim() == user))
        };
        if uid == 0 || uid == self.own_uid || is_member() {
            return Ok(Actor { name: format!("local:{user}"), role: Role::Admin });
        }
        let message = format!("the user {user} is not in the group {GROUP}");
        Err(Error::new(Code::CredentialsInvalid, message))
    }

    fn group_line(&self) -> Option<&str> {
        self.group.lines().find(|line| line.split(':').next() == Some(GROUP))
    }

    fn user_name(&self, uid: u32) -> String {
        let uid_text = uid.to_string();
        let name = self.passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == uid_text).then_some(name)
        });
        name.map_or_else(|| format!("uid-{uid}"), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n\
        bob:x:1001:1001::/:/bin/sh\nweb:x:33:33::/:/bin/false\nserver:x:990:990::/:/bin/false\n";
    const GROUPS: &str = "root:x:0:\nhostler:x:777:ada, carol\nhostler-x:x:778:bob\n";

    #[test]
    fn root_the_servers_user_and_the_group_get_in_and_nobody_else() {
        let users = LocalUsers::new(990, PASSWD, GROUPS);
        let name = |uid, gid| users.actor(uid, gid).map(|actor| actor.name);
        assert_eq!(name(0, 0).unwrap(), "local:root");
        assert_eq!(name(990, 990).unwrap(), "local:server");
        assert_eq!(name(1000, 1000).unwrap(), "local:ada");
        assert_eq!(name(33, 777).unwrap(), "local:web", "by its primary group");
        assert_eq!(name(4242, 777).unwrap(), "local:uid-4242");
        let refused = users.actor(1001, 1001).unwrap_err();
        assert_eq!(refused.code(), Code::CredentialsInvalid);
        assert_eq!(refused.message(), "the user bob is not in the group hostler");
    }

    #[test]
    fn without_the_group_only_root_and_the_servers_user_get_in() {
        let users = LocalUsers::new(990, PASSWD, "root:x:0:\n");
        assert_eq!(users.group_id(), None);
        assert!(users.actor(0, 0).is_ok() && users.actor(990, 1).is_ok());
        assert!(users.actor(1000, 777).is_err());
    }
}
