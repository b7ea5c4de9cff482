//! `sock_getaddrinfo`: the addresses of a name, in a list that the guest has made beforehand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{family_number, finish, network};
use crate::guest::{Guest, Slice, Unfinished};
use crate::net::{Family, LookupRefusal, canonical_name};
use crate::wasi::Refusal;
use crate::wasi::errno::Errno;

/// Names of hosts and services are at most so long, with their NULs.
const MAX_NAME: u32 = 1025;

/// Entries that are filled in at most.
const MAX_ENTRIES: u32 = 256;

/// Bytes of an entry: flags (2), family, type, protocol (1 each), from 8 on length of the address, where its record is,
/// where the canonical name is, its length, and where the next entry is (4 each).
const ENTRY_BYTES: u32 = 28;

/// Bytes of an address record: family (1), from 4 on length of its data, and where they are: port, as the network has
/// it, and address; of IPv6 after a flow number and before a zone.
const RECORD_BYTES: u32 = 12;

const PASSIVE: u16 = 1;
const NUMERIC_HOST: u16 = 4;

/// What is looked up: names as the guest gave them, and a hint of the answer's kind.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub(crate) node: Slice,
    pub(crate) service: Slice,
    pub(crate) hints: u32,
}

/// The list for the answer: where its first entry is named, and how many it has.
#[derive(Clone, Copy)]
pub(crate) struct List {
    pub(crate) first: u32,
    pub(crate) max: u32,
    /// Where the number of entries that were filled in goes.
    pub(crate) filled: u32,
}

/// What the hints ask for.
#[derive(Clone, Copy)]
struct Hints {
    flags: u16,
    family: Option<Family>,
    /// Numbers of the type and the protocol; 0 is any.
    kind: u8,
    protocol: u8,
}

/// `sock_getaddrinfo`.
pub(crate) fn sock_getaddrinfo(
    guest: &mut Guest<'_>,
    question: Question,
    list: List,
) -> Result<(), Refusal> {
    guest.check(Slice::new(list.filled, 4))?;
    guest.check(Slice::new(list.first, 4))?;
    let node = text(guest, question.node)?;
    let service = text(guest, question.service)?;
    let hints = hints(guest, question.hints)?;
    let port = port(&service)?;
    let found = addresses(guest, &node, hints)?;
    let wanted: Vec<SocketAddr> = found
        .into_iter()
        .filter(|ip| hints.family.is_none_or(|family| family == Family::of(*ip)))
        .map(|ip| SocketAddr::new(ip, port))
        .collect();
    if wanted.is_empty() {
        return Err(Errno::AiNoData.into());
    }
    write_list(guest, list, &wanted, hints)
}

/// A name, up to its NUL if it has one.
fn text(guest: &Guest<'_>, slice: Slice) -> Result<String, Refusal> {
    guest.check(slice)?;
    if slice.len > MAX_NAME {
        return Err(Errno::AiNoName.into());
    }
    let mut bytes = guest.read(slice)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    Ok(String::from_utf8(bytes).map_err(|_| Errno::AiNoName)?)
}

fn hints(guest: &Guest<'_>, at: u32) -> Result<Hints, Refusal> {
    let mut bytes = [0; ENTRY_BYTES as usize];
    guest.read_into(at, &mut bytes)?;
    let [low, high, family, kind, protocol, ..] = bytes;
    let family = match family {
        0 => None,
        1 => Some(Family::V4),
        2 => Some(Family::V6),
        _ => return Err(Errno::AiFamily.into()),
    };
    if kind > 2 {
        return Err(Errno::AiSockType.into());
    }
    Ok(Hints { flags: u16::from_le_bytes([low, high]), family, kind, protocol })
}

/// The services that programs name instead of their numbers.
const SERVICES: &[(&str, u16)] = &[
    ("domain", 53),
    ("ftp", 21),
    ("http", 80),
    ("https", 443),
    ("imap", 143),
    ("imaps", 993),
    ("ldap", 389),
    ("mysql", 3306),
    ("ntp", 123),
    ("postgresql", 5432),
    ("redis", 6379),
    ("smtp", 25),
    ("ssh", 22),
    ("submission", 587),
];

fn port(service: &str) -> Result<u16, Errno> {
    if service.is_empty() {
        return Ok(0);
    }
    let known = SERVICES.iter().find(|(name, _)| *name == service).map(|(_, port)| *port);
    known.or_else(|| service.parse().ok()).ok_or(Errno::AiService)
}

/// What the guest may know of a name's addresses; an address is its own.
fn addresses(guest: &mut Guest<'_>, node: &str, hints: Hints) -> Result<Vec<IpAddr>, Refusal> {
    if node.is_empty() {
        let passive = hints.flags & PASSIVE != 0;
        return Ok(match passive {
            true => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            false => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        });
    }
    if let Ok(ip) = node.parse::<IpAddr>() {
        return Ok(vec![ip]);
    }
    let name = canonical_name(node).ok_or(Errno::AiNoName)?;
    if hints.flags & NUMERIC_HOST != 0 {
        return Err(Errno::AiNoName.into());
    }
    let network = network(guest).map_err(|_| Errno::AiFail)?;
    let found = network.look_up(&name).map_err(|refusal| match refusal {
        LookupRefusal::NotAllowed => {
            let call = guest.host().id().0;
            tracing::info!(
                call,
                name,
                "no egress rule of the function is about this name: `--allow-net` adds one"
            );
            Errno::AiFail
        }
        LookupRefusal::TooMany => Errno::AiAgain,
    })?;
    let found = match guest.wait(found, None) {
        Err(Unfinished::Abandoned) => return Err(Errno::AiAgain.into()),
        waited => finish(waited)?,
    };
    match found {
        Ok(found) => Ok(guest.host_mut().network_use.note(&network, &name, &found)),
        // The C library's words for it are all that Rust passes on.
        Err(error) if error.to_string().contains("emporary failure") => Err(Errno::AiAgain.into()),
        Err(_) => Err(Errno::AiNoName.into()),
    }
}

/// Fills in as many entries as there are, one behind the other.
fn write_list(
    guest: &mut Guest<'_>,
    list: List,
    wanted: &[SocketAddr],
    hints: Hints,
) -> Result<(), Refusal> {
    let mut at = read_word(guest, list.first)?;
    let mut filled = 0;
    let room = list.max.min(MAX_ENTRIES);
    for address in wanted {
        if filled == room || at == 0 {
            break;
        }
        at = write_entry(guest, at, *address, hints)?;
        filled += 1;
    }
    Ok(guest.write_u32(list.filled, filled)?)
}

/// Fills in an entry; where the next one is.
fn write_entry(
    guest: &mut Guest<'_>,
    at: u32,
    address: SocketAddr,
    hints: Hints,
) -> Result<u32, Refusal> {
    guest.check(Slice::new(at, ENTRY_BYTES))?;
    let (record, next) = (read_word(guest, at + 12)?, read_word(guest, at + 24)?);
    guest.check(Slice::new(record, RECORD_BYTES))?;
    let data = read_word(guest, record + 8)?;
    let bytes = data_of(address);
    guest.write(data, &bytes)?;
    let family = family_number(address.ip());
    let kind = if hints.kind == 0 { 2 } else { hints.kind };
    let protocol = match (hints.protocol, kind) {
        (0, 1) => 2,
        (0, _) => 1,
        (given, _) => given,
    };
    guest.write(record, &[family, 0, 0, 0])?;
    guest.write_u32(record + 4, length(&bytes))?;
    guest.write(at, &[0, 0, family, kind, protocol])?;
    guest.write_u32(at + 8, length(&bytes))?;
    guest.write_u32(at + 20, 0)?;
    Ok(next)
}

/// What follows the family in C's `sockaddr_in` and `sockaddr_in6`.
fn data_of(address: SocketAddr) -> Vec<u8> {
    let mut bytes = address.port().to_be_bytes().to_vec();
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes.extend_from_slice(&ip.octets());
            bytes.resize(14, 0);
        }
        IpAddr::V6(ip) => {
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&ip.octets());
            bytes.extend_from_slice(&[0; 4]);
        }
    }
    bytes
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn read_word(guest: &Guest<'_>, at: u32) -> Result<u32, Refusal> {
    let mut bytes = [0; 4];
    guest.read_into(at, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
