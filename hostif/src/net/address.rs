//! What an address is, before any rule is asked: of everybody, of one network, of this host, or of nobody.
//!
//! An IPv4 address has many faces in IPv6. All of them are taken off first, so that a rule and a class speak of the
//! address that packets would reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// One host in the whole internet.
    Public,
    /// One host of a network that is not the internet.
    Private,
    /// This host.
    Own,
    /// Never to be reached from a guest: a cloud's metadata, this link, many hosts at one time, or no host.
    Never,
}

/// The address itself: IPv4 where IPv6 only carries it.
pub(crate) fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// How far an address reaches, as far as its number says.
pub(crate) fn reach(ip: IpAddr) -> Reach {
    match canonical(ip) {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

/// The same, where an address that this host has, whatever its number, is its own.
pub(crate) fn reach_from_here(ip: IpAddr) -> Reach {
    let reach = reach(ip);
    let may_be_own = matches!(reach, Reach::Public | Reach::Private);
    if may_be_own && is_own(canonical(ip)) { Reach::Own } else { reach }
}

/// Whether packets to this address stay on this host: then they are sent from it, too. Sends none.
fn is_own(ip: IpAddr) -> bool {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let local = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(SocketAddr::new(ip, DISCARD))?;
        socket.local_addr()
    });
    // Without a route nothing is reached anyway.
    local.is_ok_and(|local| local.ip() == ip)
}

/// A port to name where none matters.
const DISCARD: u16 = 9;

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> (Ipv4Addr, u8) {
    (Ipv4Addr::new(a, b, c, d), prefix)
}

const NEVER_V4: &[(Ipv4Addr, u8)] = &[
    v4(0, 0, 0, 0, 8),          // this host on this network
    v4(169, 254, 0, 0, 16),     // this link; metadata of most clouds
    v4(100, 100, 100, 200, 32), // metadata (Alibaba)
    v4(168, 63, 129, 16, 32),   // the host's agent (Azure)
    v4(192, 0, 0, 192, 32),     // metadata (Oracle)
    v4(224, 0, 0, 0, 4),        // many hosts
    v4(240, 0, 0, 0, 4),        // nobody yet, and everybody
];

const PRIVATE_V4: &[(Ipv4Addr, u8)] = &[
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    v4(100, 64, 0, 0, 10),   // between providers and customers
    v4(192, 0, 0, 0, 24),    // protocols
    v4(192, 0, 2, 0, 24),    // documentation
    v4(192, 88, 99, 0, 24),  // relays
    v4(198, 18, 0, 0, 15),   // measurements
    v4(198, 51, 100, 0, 24), // documentation
    v4(203, 0, 113, 0, 24),  // documentation
];

fn reach_v4(ip: Ipv4Addr) -> Reach {
    let is_in = |blocks: &[(Ipv4Addr, u8)]| {
        blocks.iter().any(|(network, prefix)| same_prefix_v4(ip, *network, *prefix))
    };
    if is_in(NEVER_V4) {
        Reach::Never
    } else if ip.is_loopback() {
        Reach::Own
    } else if is_in(PRIVATE_V4) {
        Reach::Private
    } else {
        Reach::Public
    }
}

const fn v6(segments: [u16; 8], prefix: u8) -> (Ipv6Addr, u8) {
    let [a, b, c, d, e, f, g, h] = segments;
    (Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

const NEVER_V6: &[(Ipv6Addr, u8)] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96), // no host, and IPv4 as it was once carried
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), // many hosts
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), // this link
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), // this site, once
    v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32), // metadata (Amazon)
    v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0xfe], 64), // metadata (Google)
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), // Teredo, which carries IPv4
    v6([0x0064, 0xff9b, 1, 0, 0, 0, 0, 0], 48), // local translation to IPv4
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), // segment routing
];

const PRIVATE_V6: &[(Ipv6Addr, u8)] = &[
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),     // documentation
    v6([0x0100, 0, 0, 0, 0, 0, 0, 0], 64),     // discards
];

/// Translation to IPv4 (NAT64) and tunnels through it (6to4) reach what the IPv4 address in them reaches.
fn carried_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match (a, b) {
        (0x0064, 0xff9b) if [c, d, e, f] == [0; 4] => Some(join(g, h)),
        (0x2002, _) => Some(join(b, c)),
        _ => None,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    let is_in = |blocks: &[(Ipv6Addr, u8)]| {
        blocks.iter().any(|(network, prefix)| same_prefix_v6(ip, *network, *prefix))
    };
    if ip.is_loopback() {
        Reach::Own
    } else if is_in(NEVER_V6) {
        Reach::Never
    } else if let Some(carried) = carried_v4(ip) {
        // Nobody names this host, or another of its networks, like this.
        if reach_v4(carried) == Reach::Public { Reach::Public } else { Reach::Never }
    } else if is_in(PRIVATE_V6) {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn same_prefix_v4(a: Ipv4Addr, b: Ipv4Addr, prefix: u8) -> bool {
    let differing = a.to_bits() ^ b.to_bits();
    differing.checked_shr(32 - u32::from(prefix)).unwrap_or(0) == 0
}

fn same_prefix_v6(a: Ipv6Addr, b: Ipv6Addr, prefix: u8) -> bool {
    let differing = a.to_bits() ^ b.to_bits();
    differing.checked_shr(128 - u32::from(prefix)).unwrap_or(0) == 0
}

/// Whether the first `prefix` bits of two addresses of one family are the same.
pub(crate) fn same_prefix(a: IpAddr, b: IpAddr, prefix: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same_prefix_v4(a, b, prefix),
        (IpAddr::V6(a), IpAddr::V6(b)) => same_prefix_v6(a, b, prefix),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach_of(text: &str) -> Reach {
        reach(text.parse().unwrap())
    }

    /// Every face that an address which is never reached can wear.
    #[test]
    fn what_is_never_reached_has_no_disguise() {
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "::ffff:0.0.0.0",
            "::ffff:255.255.255.255",
            "::169.254.169.254",
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "2002:a9fe:a9fe::1",
            "2002:7f00:1::",
            "2002:0a00:0001::",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
        ];
        for text in never {
            assert_eq!(reach_of(text), Reach::Never, "{text}");
        }
    }

    #[test]
    fn loopback_is_this_host_in_any_writing() {
        for text in ["127.0.0.1", "127.255.1.2", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"] {
            assert_eq!(reach_of(text), Reach::Own, "{text}");
        }
    }

    #[test]
    fn private_networks_are_not_the_internet() {
        for text in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "::ffff:10.1.1.1",
            "fc00::1",
            "fd12:3456::1",
            "2001:db8::1",
            "198.18.0.1",
        ] {
            assert_eq!(reach_of(text), Reach::Private, "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:0808:0808::1",
            "192.0.1.1",
        ] {
            assert_eq!(reach_of(text), Reach::Public, "{text}");
        }
    }

    #[test]
    fn an_address_of_this_host_is_its_own() {
        assert_eq!(reach_from_here("127.0.0.1".parse().unwrap()), Reach::Own);
        assert_eq!(reach_from_here("169.254.169.254".parse().unwrap()), Reach::Never);
        // Whichever address this machine has towards others, if it has one.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.1:9").is_ok() {
            let own = socket.local_addr().unwrap().ip();
            assert_eq!(reach_from_here(own), Reach::Own, "{own}");
        }
    }

    #[test]
    fn prefixes_of_any_length() {
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert!(same_prefix(ip("1.2.3.4"), ip("200.2.3.4"), 0));
        assert!(same_prefix(ip("1.2.3.4"), ip("1.2.3.4"), 32));
        assert!(!same_prefix(ip("1.2.3.4"), ip("1.2.3.5"), 32));
        assert!(same_prefix(ip("1::"), ip("2::"), 0));
        assert!(!same_prefix(ip("1::"), ip("1::1"), 128));
        assert!(!same_prefix(ip("::1"), ip("0.0.0.1"), 0));
    }
}
