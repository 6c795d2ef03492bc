//! Tells a service manager how the recording is (`sd_notify`): that it has begun, its status, and
//! that it still makes progress. The protocol is a datagram of lines to the socket that the
//! environment names.
//!
//! Where a command is recorded, nothing is sent: the command inherits the environment, and the
//! messages are its own to send.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The socket of the service manager, where there is one.
#[derive(Debug)]
pub(super) struct ServiceManager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// Whether it waits for signs of progress.
    has_watchdog: bool,
}

impl ServiceManager {
    /// The one that started this process, unless a command is recorded.
    pub(super) fn of_process(has_command: bool) -> Self {
        let variable = |name| std::env::var_os(name).filter(|_| !has_command);
        let address = variable("NOTIFY_SOCKET");
        let watched = variable("WATCHDOG_PID");
        let own = std::process::id().to_string();
        Self {
            socket: address.and_then(|address| connect(&address)),
            has_watchdog: variable("WATCHDOG_USEC").is_some()
                && watched.is_none_or(|pid| pid == OsStr::new(&own)),
        }
    }

    /// The probes are attached, and rows are written.
    pub(super) fn ready(&self) {
        self.send("READY=1");
    }

    /// An interval was sampled, and its rows are on their way to the disk.
    pub(super) fn progress(&self, status: &str) {
        let watchdog = if self.has_watchdog {
            "\nWATCHDOG=1"
        } else {
            ""
        };
        self.send(&format!("STATUS={}{watchdog}", status.replace('\n', " ")));
    }

    /// The recording ends: the rest is written and sealed.
    pub(super) fn stopping(&self) {
        let watchdog = if self.has_watchdog {
            "\nWATCHDOG=1"
        } else {
            ""
        };
        self.send(&format!("STOPPING=1\nSTATUS=sealing{watchdog}"));
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket {
            // A manager that does not read is no reason to wait.
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}

fn connect(address: &OsStr) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(address),
        _ => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    Some((socket, address.ok()?))
}
