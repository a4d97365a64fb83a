//! The texts of `/proc` (proc(5)), read into numbers. Pure: no file is opened here.
//!
//! A text that does not look as the man page says gives `None`, never a guess.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Ticks a second in `/proc/PID/stat`. The kernel's USER_HZ, which is 100 on every architecture
/// that Rust's std runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// State of a listening socket in `/proc/net/tcp` (TCP_LISTEN).
const LISTEN: &str = "0A";

/// What `/proc/PID/stat` says of a process and all its threads, those that ended included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stat {
    pub cpu_user_s: f64,
    pub cpu_system_s: f64,
    /// Ticks since boot; tells a process from a later one with the same id.
    pub started_ticks: u64,
}

pub(super) fn stat(text: &str) -> Option<Stat> {
    // The name is in parentheses and may hold spaces and parentheses itself.
    let after_name = &text[text.rfind(')')? + 1..];
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    // Counted from the state, which is field 3 of the man page.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        cpu_user_s: field(14)? as f64 / TICKS_PER_SECOND,
        cpu_system_s: field(15)? as f64 / TICKS_PER_SECOND,
        started_ticks: field(22)?,
    })
}

/// The number after `key:` in a text of lines `key: number unit`, such as `status`, `io` and
/// `meminfo`.
pub(super) fn number(text: &str, key: &str) -> Option<u64> {
    let value = line(text, key)?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

/// What comes after `key:`.
pub(super) fn line<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim_end() == key).then_some(value.trim())
    })
}

/// The listening sockets of `/proc/net/tcp` or `/proc/net/tcp6`: address and inode.
pub(super) fn listening_sockets(text: &str) -> Vec<(SocketAddr, u64)> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        if *fields.get(3)? != LISTEN {
            return None;
        }
        let (address, port) = fields.get(1)?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let inode = fields.get(9)?.parse().ok()?;
        Some((SocketAddr::new(ip_address(address)?, port), inode))
    };
    text.lines().skip(1).filter_map(socket).collect()
}

/// The kernel prints an address as 32-bit words in the machine's byte order.
fn ip_address(hex: &str) -> Option<IpAddr> {
    let word = |index: usize| {
        let digits = hex.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            // A socket of IPv6 bound to an address of IPv4, as the JVM does it.
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// The inode in the target of a link `/proc/PID/fd/N`, if that is a socket.
pub(super) fn socket_inode(link: &str) -> Option<u64> {
    let inner = link.strip_prefix("socket:[")?;
    inner.strip_suffix(']')?.parse().ok()
}

/// One line of `/proc/PID/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor`
    pub device_number: String,
    pub mount_point: String,
    pub file_system: String,
    pub source: String,
    /// The mount's options and those of the file system, without repetition.
    pub options: Vec<String>,
}

pub(super) fn mounts(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mount: Vec<&str> = mount.split(' ').collect();
        let mut file_system = file_system.split(' ');
        let (kind, source) = (file_system.next()?, file_system.next()?);
        let both = mount
            .get(5)?
            .split(',')
            .chain(file_system.next().unwrap_or_default().split(','));
        let mut options: Vec<String> = Vec::new();
        for option in both.filter(|option| !option.is_empty()) {
            if !options.iter().any(|known| known == option) {
                options.push(option.into());
            }
        }
        Some(Mount {
            device_number: (*mount.get(2)?).into(),
            mount_point: mount.get(4)?.replace("\\040", " "),
            file_system: kind.into(),
            source: source.into(),
            options,
        })
    };
    text.lines().filter_map(mount).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text =
            "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 1071 0 1 0 250 75 9 9 20 0 5 0 88123 1 2 3";
        let expected = Stat {
            cpu_user_s: 2.5,
            cpu_system_s: 0.75,
            started_ticks: 88123,
        };
        assert_eq!(stat(text), Some(expected));
        assert_eq!(stat("4711 (cut) S 1"), None);
        assert_eq!(stat(""), None);
    }

    #[test]
    fn numbers_are_found_by_their_whole_key() {
        let status = "Name:\tnaru\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n\
                      voluntary_ctxt_switches:\t31\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(number(status, "VmHWM"), Some(20480));
        assert_eq!(number(status, "voluntary_ctxt_switches"), Some(31));
        assert_eq!(number(status, "VmSwap"), None);
        let io = "rchar: 5\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 1\n";
        assert_eq!(number(io, "write_bytes"), Some(8192));
        let cpu = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n";
        assert_eq!(line(cpu, "model name"), Some("Some CPU @ 2 GHz"));
    }

    const HEADING: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    #[test]
    fn only_listening_sockets_count() {
        let text = format!(
            "{HEADING}   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 123 1 0 100\n   \
             1: 0100007F:2384 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 124 1 0 20\n"
        );
        let expected = vec![("127.0.0.1:9092".parse().unwrap(), 123)];
        assert_eq!(listening_sockets(&text), expected);
    }

    #[test]
    fn both_forms_of_an_ipv6_listener_are_understood() {
        let rest = "00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0";
        let text = format!(
            "{HEADING}   0: 00000000000000000000000000000000:2384 {rest} 7 1 0 100\n   \
             1: 0000000000000000FFFF00000100007F:2385 {rest} 8 1 0 100\n   \
             2: 00000000000000000000000001000000:2386 {rest} 9 1 0 100\n"
        );
        let expected = vec![
            ("[::]:9092".parse().unwrap(), 7),
            ("127.0.0.1:9093".parse().unwrap(), 8),
            ("[::1]:9094".parse().unwrap(), 9),
        ];
        assert_eq!(listening_sockets(&text), expected);
        assert_eq!(socket_inode("socket:[123]"), Some(123));
        assert_eq!(socket_inode("anon_inode:[io_uring]"), None);
    }

    #[test]
    fn a_mount_has_the_options_of_both_halves() {
        let text = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n\
                    28 27 0:25 / /my\\040data ro,nosuid - tmpfs tmpfs ro,size=4k\nnonsense\n";
        let mounts = mounts(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].options, ["rw", "relatime", "discard"]);
        assert_eq!(
            (&*mounts[0].source, &*mounts[0].file_system),
            ("/dev/vda", "ext4")
        );
        assert_eq!(mounts[1].mount_point, "/my data");
    }
}
