//! The unix socket for local users: no login, the kernel says who they are.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::http::{self, Version};
use super::{Peer, Shared};

/// Accepts local users.
#[derive(Debug)]
pub struct LocalListener {
    listener: UnixListener,
    /// What is removed at the end; `None` where somebody else made it.
    path: Option<PathBuf>,
}

impl LocalListener {
    /// Listens at `path`: for its owner and root, and for the members of `group`
    /// where that is given. A socket that a killed server left behind is replaced.
    ///
    /// # Errors
    /// When somebody listens there, something else is there, or the system refuses.
    pub async fn bind(path: &Path, group: Option<u32>) -> io::Result<Self> {
        remove_leftover(path).await?;
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let listener = UnixListener::bind(path)?;
        // Until here the umask decided; nobody else may come in before it is right.
        let mode = match group {
            Some(group) => {
                chown(path, None, Some(group))?;
                0o660
            }
            None => 0o600,
        };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok(Self { listener, path: Some(path.to_owned()) })
    }

    /// Listens on a socket that somebody opened for us: they decided who may
    /// connect, and it stays when the server ends.
    ///
    /// # Errors
    /// As the system says.
    pub fn of(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(socket)?, path: None })
    }

    /// Accepts and serves until `shared.stop`, then removes the socket it made.
    pub async fn run(self, shared: Shared) {
        loop {
            let accepted = tokio::select! {
                () = shared.stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.serve(stream, &shared),
                Err(error) => {
                    tracing::warn!(%error, "accepting a local connection failed");
                    tokio::time::sleep(shared.limits.tick).await;
                }
            }
        }
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }

    fn serve(&self, stream: UnixStream, shared: &Shared) {
        let Some(permit) = shared.permits.take(None) else { return };
        let peer = match stream.peer_cred() {
            Ok(of) => Peer::Local { uid: of.uid(), gid: of.gid() },
            Err(error) => {
                tracing::warn!(%error, "a local connection does not say whose it is");
                return;
            }
        };
        let serving = shared.clone();
        shared.tasks.spawn(async move {
            http::serve(stream, Version::Http1, peer, permit, &serving).await;
        });
    }
}

async fn remove_leftover(path: &Path) -> io::Result<()> {
    let kind = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        let message = "something that is no socket is at this place";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    if UnixStream::connect(path).await.is_ok() {
        let message = "another server listens at this socket";
        return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
    }
    std::fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_of_a_killed_server_is_replaced_but_not_that_of_a_living_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/hostlerd.sock");
        let living = LocalListener::bind(&path, None).await.unwrap();
        assert_eq!(mode(&path), 0o600);
        let refused = LocalListener::bind(&path, None).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        drop(living); // as after a kill: the file stays
        assert!(path.exists());
        LocalListener::bind(&path, None).await.unwrap();
    }

    #[tokio::test]
    async fn a_group_gets_in_where_there_is_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let own = rustix::process::getgid().as_raw();
        let _listener = LocalListener::bind(&path, Some(own)).await.unwrap();
        assert_eq!(mode(&path), 0o660);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        std::fs::write(&path, "precious").unwrap();
        LocalListener::bind(&path, None).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
