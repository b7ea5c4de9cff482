//! Whom a function may talk to: its egress rules and the addresses that it may listen on.
//!
//! A rule is `HOST:PORTS`, and may end in `/tcp` or `/udp`. HOST is a name, `*.` and a name, an address, a network
//! (`10.0.0.0/8`, `[2001:db8::/32]`), or `*`. PORTS is a port, a range (`8000-8010`), or `*`.
//!
//! * `*` is every address of the public internet, and every name.
//! * A network is its addresses: public ones, and others if the whole network is of their kind, so that `0.0.0.0/0`
//!   opens no private network and nothing but a rule that is about this host opens this host.
//! * A name is the addresses that this host found for it in the same call. A name may lead into a private network;
//!   only `localhost` leads to this host.
//! * No rule opens what is never to be reached ([`Reach::Never`]).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::address::{Reach, canonical, reach, same_prefix};

/// Where a function may connect and send to: one entry of its allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressRule {
    host: Host,
    ports: Ports,
    /// Both, if it says none.
    transport: Option<Transport>,
}

/// Where a function may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenRule(EgressRule);

/// What is above the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Network {
        address: IpAddr,
        prefix: u8,
    },
    Name(String),
    /// Names that end in a dot and this one.
    Below(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ports(RangeInclusive<u16>);

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It names no port.
    #[error("`{rule}` names no port: write `{rule}:443`, or `{rule}:*` for all of them")]
    NoPort {
        /// The rule.
        rule: String,
    },
    /// What follows the last colon is no port.
    #[error("`{ports}` is no port, no range of ports like `8000-8010`, and not `*`")]
    Ports {
        /// The text.
        ports: String,
    },
    /// What comes before it is no host.
    #[error(
        "`{host}` is no name, no address, no network like `10.0.0.0/8` or `[2001:db8::/32]`, and not `*`"
    )]
    Host {
        /// The text.
        host: String,
    },
    /// A network whose address is not its first one.
    #[error("`{host}` is no network: its first address is {first}")]
    Network {
        /// The text.
        host: String,
        /// Its first address.
        first: IpAddr,
    },
    /// What it names is open to no guest.
    #[error("`{host}` is open to no function: {why}")]
    Never {
        /// The text.
        host: String,
        /// What it is.
        why: &'static str,
    },
    /// A function listens on addresses.
    #[error("`{host}` is no address to listen on: write an address of this host, or `*`")]
    Listen {
        /// The text.
        host: String,
    },
}

impl EgressRule {
    /// The name that it is about, if it is about one.
    fn covers_name(&self, name: &str) -> bool {
        match &self.host {
            Host::Any => true,
            Host::Network { .. } => false,
            Host::Name(own) => own == name,
            Host::Below(parent) => name
                .strip_suffix(parent.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|first| !first.is_empty()),
        }
    }

    /// Whether an address that reaches so far is one of those it is about; `found` says that this host found it for a
    /// name of this rule.
    fn covers_address(&self, ip: IpAddr, reach: Reach, found: bool) -> bool {
        match (&self.host, reach) {
            (_, Reach::Never) => false,
            (Host::Any, reach) => reach == Reach::Public,
            (Host::Network { address, prefix }, reach) => {
                same_prefix(*address, ip, *prefix)
                    && (reach == Reach::Public || is_about(*address, *prefix, reach))
            }
            (Host::Name(name), Reach::Own) => found && is_localhost(name) && is_loopback(ip),
            (Host::Below(_), Reach::Own) => false,
            (Host::Name(_) | Host::Below(_), _) => found,
        }
    }

    fn covers_port(&self, port: u16, transport: Transport) -> bool {
        self.ports.0.contains(&port) && self.transport.is_none_or(|own| own == transport)
    }
}

/// Whether all of a network is of one kind, which is not the internet's.
fn is_about(address: IpAddr, prefix: u8, kind: Reach) -> bool {
    let whole = if address.is_ipv4() { 32 } else { 128 };
    match kind {
        Reach::Public | Reach::Never => false,
        Reach::Own => prefix == whole || (address.is_ipv4() && prefix >= 8 && is_loopback(address)),
        Reach::Private => {
            // The blocks of private networks end on these bits at the latest, so first and last address tell.
            let last = last_address(address, prefix);
            reach(address) == Reach::Private && reach(last) == Reach::Private
        }
    }
}

fn last_address(first: IpAddr, prefix: u8) -> IpAddr {
    match first {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() | host).into()
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() | host).into()
        }
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.is_loopback()
}

/// Whether this host is named without asking anybody (RFC 6761).
pub(crate) fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// A name as it is compared: without the dot of the root, in small letters. `None` if it is not one, or could be read
/// as an address by somebody.
pub(crate) fn canonical_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    // 127.1, 0x7f000001 and 2130706433 are addresses to C libraries.
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    (name.len() <= 253 && name.split('.').all(good) && !numeric).then_some(name)
}

/// What a function may do on the network, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkRules {
    /// Where it may connect and send to. Nowhere, if it is empty.
    pub allow: Vec<EgressRule>,
    /// Where it may listen. Nowhere, if it is empty.
    pub listen: Vec<ListenRule>,
    /// Bytes a second that all its calls on a host send together.
    pub bytes_out: Option<std::num::NonZeroU64>,
    /// Bytes a second that they receive.
    pub bytes_in: Option<std::num::NonZeroU64>,
}

impl NetworkRules {
    /// Whether there is anything that it may do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.listen.is_empty()
    }

    /// The rules that are about a name, by their numbers.
    pub(crate) fn about_name(&self, name: &str) -> Vec<usize> {
        let rules = self.allow.iter().enumerate();
        rules.filter(|(_, rule)| rule.covers_name(name)).map(|(number, _)| number).collect()
    }

    /// Whether a rule opens an address that reaches so far; `found` says whether this host found it for a name of the
    /// rule with this number.
    pub(crate) fn permits(
        &self,
        to: SocketAddr,
        transport: Transport,
        reach: Reach,
        found: impl Fn(usize) -> bool,
    ) -> bool {
        let ip = canonical(to.ip());
        self.allow.iter().enumerate().any(|(number, rule)| {
            rule.covers_port(to.port(), transport) && rule.covers_address(ip, reach, found(number))
        })
    }

    /// Whether a rule opens an address on some port, so that it may be told to the guest.
    pub(crate) fn may_know(&self, ip: IpAddr, reach: Reach, found: impl Fn(usize) -> bool) -> bool {
        let ip = canonical(ip);
        let mut rules = self.allow.iter().enumerate();
        rules.any(|(number, rule)| rule.covers_address(ip, reach, found(number)))
    }

    /// Whether it may listen there.
    pub(crate) fn permits_listening(&self, at: SocketAddr, transport: Transport) -> bool {
        let ip = canonical(at.ip());
        self.listen.iter().any(|ListenRule(rule)| {
            let is_here = match &rule.host {
                Host::Any => true,
                Host::Network { address, prefix } => same_prefix(*address, ip, *prefix),
                Host::Name(_) | Host::Below(_) => false,
            };
            is_here && rule.covers_port(at.port(), transport)
        })
    }
}

impl FromStr for EgressRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let rule = Self::parse(text)?;
        if let Host::Network { address, prefix } = rule.host {
            let never = reach(address) == Reach::Never
                && reach(last_address(address, prefix)) == Reach::Never;
            if never && prefix > 0 {
                let why =
                    "it is a link-local, metadata, multicast, broadcast or unspecified address";
                return Err(RuleError::Never { host: rule.host.to_string(), why });
            }
        }
        Ok(rule)
    }
}

impl EgressRule {
    fn parse(text: &str) -> Result<Self, RuleError> {
        let no_port = || RuleError::NoPort { rule: text.to_owned() };
        let (host, rest) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(|| no_host(text))?,
            None if text.matches(':').count() > 1 => {
                // An IPv6 address without brackets: which colon is the port's, nobody can tell.
                return Err(no_host(text));
            }
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        // `[2001:db8::]/32:443` is as good as `[2001:db8::/32]:443`.
        let (prefix, ports) = rest.split_once(':').ok_or_else(no_port)?;
        let host = if prefix.is_empty() { host.to_owned() } else { format!("{host}{prefix}") };
        let (ports, transport) = match ports.rsplit_once('/') {
            Some((ports, "tcp")) => (ports, Some(Transport::Tcp)),
            Some((ports, "udp")) => (ports, Some(Transport::Udp)),
            _ => (ports, None),
        };
        Ok(Self { host: host.parse()?, ports: ports.parse()?, transport })
    }
}

fn no_host(host: &str) -> RuleError {
    RuleError::Host { host: host.to_owned() }
}

impl FromStr for Host {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        if let Ok(address) = address.parse::<IpAddr>() {
            return network(text, address, prefix);
        }
        let name = match (text.strip_prefix("*."), prefix) {
            (Some(parent), None) => canonical_name(parent).map(Self::Below),
            (None, None) => canonical_name(text).map(Self::Name),
            _ => None,
        };
        name.ok_or_else(|| no_host(text))
    }
}

fn network(text: &str, address: IpAddr, prefix: Option<&str>) -> Result<Host, RuleError> {
    // A rule is about the address that packets reach, however it is written.
    let carried = address.is_ipv6() && canonical(address).is_ipv4();
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => whole,
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|prefix| *prefix <= whole && !carried && !digits.starts_with('+'))
            .ok_or_else(|| no_host(text))?,
    };
    let (address, prefix) = if carried { (canonical(address), 32) } else { (address, prefix) };
    let first = match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    };
    if first != address {
        return Err(RuleError::Network { host: text.to_owned(), first });
    }
    Ok(Host::Network { address, prefix })
}

impl FromStr for Ports {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let error = || RuleError::Ports { ports: text.to_owned() };
        let port = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| digits).ok_or_else(error)
        };
        let range = match text.split_once('-') {
            _ if text == "*" => 0..=u16::MAX,
            Some((first, last)) => port(first)?..=port(last)?,
            None => port(text)?..=port(text)?,
        };
        if range.is_empty() { Err(error()) } else { Ok(Self(range)) }
    }
}

impl FromStr for ListenRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let rule = EgressRule::parse(text)?;
        match &rule.host {
            Host::Name(_) | Host::Below(_) => {
                Err(RuleError::Listen { host: rule.host.to_string() })
            }
            Host::Any | Host::Network { .. } => Ok(Self(rule)),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Name(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Network { address: IpAddr::V4(address), prefix: 32 } => write!(f, "{address}"),
            Self::Network { address: IpAddr::V4(address), prefix } => {
                write!(f, "{address}/{prefix}")
            }
            Self::Network { address, prefix: 128 } => write!(f, "[{address}]"),
            Self::Network { address, prefix } => write!(f, "[{address}/{prefix}]"),
        }
    }
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.host)?;
        match (*self.ports.0.start(), *self.ports.0.end()) {
            (0, u16::MAX) => f.write_str("*")?,
            (first, last) if first == last => write!(f, "{first}")?,
            (first, last) => write!(f, "{first}-{last}")?,
        }
        match self.transport {
            None => Ok(()),
            Some(Transport::Tcp) => f.write_str("/tcp"),
            Some(Transport::Udp) => f.write_str("/udp"),
        }
    }
}

impl fmt::Display for ListenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
