//! Which process of this machine listens on an address.
//!
//! By `/proc/net/tcp`, `/proc/net/tcp6` and the links in `/proc/PID/fd`: what the caller may not
//! look into (a process of another user, a broker behind a container's network) is not found. A
//! forwarder is found instead of what is behind it, so reports name the process.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::getifaddrs;

use super::proc_text;

/// The id of the process that listens on `address`, if that is an address of this machine.
pub(super) fn process_listening_on(address: SocketAddr) -> Option<u32> {
    if !is_of_this_machine(address.ip().to_canonical()) {
        return None;
    }
    let mut inodes = Vec::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(path).unwrap_or_default();
        let sockets = proc_text::listening_sockets(&text);
        let takes = |listener: &SocketAddr| takes_connections(*listener, address);
        inodes.extend(
            sockets
                .into_iter()
                .filter(|(at, _)| takes(at))
                .map(|(_, inode)| inode),
        );
    }
    if inodes.is_empty() {
        return None;
    }
    process_ids()
        .into_iter()
        .find(|process| has_socket(*process, &inodes))
}

/// Whether a socket that is bound to `listener` takes connections to `address`.
fn takes_connections(listener: SocketAddr, address: SocketAddr) -> bool {
    let (bound, wanted) = (listener.ip(), address.ip().to_canonical());
    let is_any = match bound {
        IpAddr::V4(_) => bound.is_unspecified() && wanted.is_ipv4(),
        IpAddr::V6(_) => bound.is_unspecified(),
    };
    listener.port() == address.port() && (is_any || bound == wanted || wanted.is_unspecified())
}

fn is_of_this_machine(ip: IpAddr) -> bool {
    if ip.is_loopback() || ip.is_unspecified() {
        return true;
    }
    let Ok(interfaces) = getifaddrs() else {
        return false;
    };
    let mut addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|at| IpAddr::V4(at.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|at| IpAddr::V6(at.ip())))
    });
    addresses.any(|own| own == ip)
}

/// In ascending order: of processes that share a socket, the parent is usually the first.
fn process_ids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut ids: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    ids.sort_unstable();
    ids
}

fn has_socket(process: u32, inodes: &[u64]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"));
    let mut targets = descriptors
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.any(|target| {
        let inode = target.to_str().and_then(proc_text::socket_inode);
        inode.is_some_and(|inode| inodes.contains(&inode))
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn whoever_listens_is_found_until_the_socket_is_closed() {
        for host in ["127.0.0.1", "0.0.0.0", "[::1]"] {
            let Ok(listener) = TcpListener::bind(format!("{host}:0")) else {
                continue; // a machine without IPv6
            };
            let address = listener.local_addr().unwrap();
            let me = Some(std::process::id());
            assert_eq!(process_listening_on(address), me);
            drop(listener);
            // Not "nobody": a child of another test has the socket until it executes its program.
            assert_ne!(process_listening_on(address), me);
        }
    }

    #[test]
    fn a_port_of_another_machine_is_nobody_here() {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // TEST-NET-1 of RFC 5737: never an address of an interface.
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], port));
        assert_eq!(process_listening_on(elsewhere), None);
    }

    #[test]
    fn a_listener_takes_what_its_address_covers() {
        let takes = |listener: &str, address: &str| {
            takes_connections(listener.parse().unwrap(), address.parse().unwrap())
        };
        assert!(takes("0.0.0.0:1", "127.0.0.1:1"));
        assert!(takes("[::]:1", "127.0.0.1:1"));
        assert!(takes("127.0.0.1:1", "[::ffff:127.0.0.1]:1"));
        assert!(!takes("127.0.0.1:1", "127.0.0.1:2"));
        assert!(!takes("127.0.0.2:1", "127.0.0.1:1"));
        assert!(!takes("0.0.0.0:1", "[::1]:1"));
    }
}
