//! The network that a guest sees: client sockets to where its function's rules say, and listening ones where they say
//! so, too.
//!
//! ```text
//! NetworkHost (one in a process: reactor, resolver) ─network(rules)→ Network (a function's) ─call→ NetworkUse (a call's)
//! ```
//!
//! # Invariants
//!
//! * An address is checked where a packet would be sent to it, whoever found it: looking a name up opens the addresses
//!   that were found for it, for this call, and nothing else does.
//! * Names that no rule is about are not looked up: a question to a name server would carry data out.
//! * No socket blocks a thread, and none outlives its call.
//!
//! # Not here
//!
//! Guest memory and waiting: [`crate::wasi`] does those.

mod address;
mod bucket;
mod reactor;
mod resolver;
mod rules;
mod socket;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use faasm_sfi::pending::Pending;

use self::address::{Reach, reach_from_here};
use self::bucket::Bucket;
use self::reactor::Reactor;
use self::resolver::{Found, Resolver};

pub(crate) use self::reactor::{Interest, first_of};
pub use self::resolver::Lookup;
pub use self::rules::{EgressRule, ListenRule, NetworkRules, RuleError};
pub(crate) use self::rules::{Transport, canonical_name, is_localhost};
pub(crate) use self::socket::{Family, Received, Socket, SocketOption, Value};

/// What all functions of a process share: the thread that waits for their sockets, and those that look names up.
#[derive(Clone, Debug)]
pub struct NetworkHost {
    reactor: Arc<Reactor>,
    resolver: Arc<Resolver>,
    most: NetworkReach,
}

/// How far the functions of a host may reach at most, whatever their rules say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkReach {
    /// Nowhere: no function has a network.
    None,
    /// The public internet.
    Public,
    /// And private networks.
    Private,
    /// And this host itself.
    #[default]
    All,
}

impl NetworkReach {
    fn allows(self, reach: Reach) -> bool {
        match self {
            Self::None => false,
            Self::Public => reach == Reach::Public,
            Self::Private => matches!(reach, Reach::Public | Reach::Private),
            Self::All => reach != Reach::Never,
        }
    }
}

impl NetworkHost {
    /// A host whose functions have at most so many sockets open together, and at most half of the descriptors that the
    /// process may have: others need some, too. Its threads begin with the first use.
    ///
    /// # Errors
    ///
    /// When the system gives no descriptor.
    pub fn new(sockets: usize) -> io::Result<Self> {
        let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let half =
            descriptors.map_or(usize::MAX, |most| usize::try_from(most / 2).unwrap_or(usize::MAX));
        Ok(Self {
            reactor: Arc::new(Reactor::new(sockets.min(half))?),
            resolver: Arc::new(Resolver::system()),
            most: NetworkReach::All,
        })
    }

    /// Has names looked up in another way than the operating system's.
    #[must_use]
    pub fn lookup(mut self, lookup: Box<Lookup>) -> Self {
        self.resolver = Arc::new(Resolver::new(lookup));
        self
    }

    /// How far functions may reach at most.
    #[must_use]
    pub fn reach(mut self, most: NetworkReach) -> Self {
        self.most = most;
        self
    }

    /// The network of a function with these rules.
    #[must_use]
    pub fn network(&self, rules: NetworkRules) -> Network {
        let now = Instant::now();
        let bucket = |rate: Option<_>| rate.map(|rate| Bucket::new(rate, now));
        let (out, into) = (bucket(rules.bytes_out), bucket(rules.bytes_in));
        let shared = Shared { host: self.clone(), rules, out, into, lookups: AtomicUsize::new(0) };
        Network { shared: Arc::new(shared) }
    }
}

/// A function's network; a clone is another handle to it.
#[derive(Clone, Debug)]
pub struct Network {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    host: NetworkHost,
    rules: NetworkRules,
    out: Option<Bucket>,
    into: Option<Bucket>,
    /// How many lookups are under way.
    lookups: AtomicUsize,
}

/// Lookups of one function that are under way at one time.
const LOOKUPS: usize = 64;

/// Addresses that a call keeps for the names that it looked up.
const FINDINGS: usize = 1024;

/// Addresses that a call remembers to be permitted: whether one is this host's own takes system calls to find out.
const PERMITTED: usize = 16;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Out,
    In,
}

impl Network {
    pub(crate) fn reactor(&self) -> &Reactor {
        &self.shared.host.reactor
    }

    /// Whether a function may open sockets at all.
    pub(crate) fn is_open(&self) -> bool {
        !self.shared.rules.is_empty() && self.shared.host.most != NetworkReach::None
    }

    /// How many bytes may be moved now, or when to ask again.
    pub(crate) fn ready(&self, direction: Direction) -> Result<usize, Instant> {
        self.bucket(direction).map_or(Ok(usize::MAX), |bucket| bucket.ready(Instant::now()))
    }

    pub(crate) fn spend(&self, direction: Direction, bytes: usize) {
        if let Some(bucket) = self.bucket(direction) {
            bucket.spend(bytes, Instant::now());
        }
    }

    fn bucket(&self, direction: Direction) -> Option<&Bucket> {
        match direction {
            Direction::Out => self.shared.out.as_ref(),
            Direction::In => self.shared.into.as_ref(),
        }
    }

    /// Whether it may listen there.
    pub(crate) fn permits_listening(&self, at: SocketAddr, transport: Transport) -> bool {
        self.is_open() && self.shared.rules.permits_listening(at, transport)
    }

    /// Begins to look a name up, in its canonical form.
    pub(crate) fn look_up(&self, name: &str) -> Result<Pending<Found>, LookupRefusal> {
        if !self.is_open() || self.shared.rules.about_name(name).is_empty() {
            return Err(LookupRefusal::NotAllowed);
        }
        if is_localhost(name) {
            let own: [IpAddr; 2] =
                [std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()];
            return Ok(Pending::ready(Ok(own.to_vec())));
        }
        let more = |lookups: usize| (lookups < LOOKUPS).then_some(lookups + 1);
        let counter = &self.shared.lookups;
        let counted = counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        counted.map_err(|_| LookupRefusal::TooMany)?;
        let found = self.shared.host.resolver.begin(name);
        let shared = Arc::clone(&self.shared);
        let done = move || {
            shared.lookups.fetch_sub(1, Ordering::SeqCst);
        };
        let Some(found) = found else {
            done();
            return Err(LookupRefusal::TooMany);
        };
        found.on_done(Box::new(done));
        Ok(found)
    }
}

/// Why a name was not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookupRefusal {
    /// No rule is about it.
    NotAllowed,
    /// Too many lookups are under way.
    TooMany,
}

/// What a call has done on its network.
#[derive(Debug, Default)]
pub(crate) struct NetworkUse {
    /// Addresses that were found for names, with the rule that is about the name.
    found: Vec<(IpAddr, usize)>,
    /// Where packets were found to be permitted to go, the last ones.
    permitted: VecDeque<(SocketAddr, Transport)>,
    /// Bytes moved, both ways.
    pub(crate) bytes: u64,
}

impl NetworkUse {
    /// Notes what was found for a name, and answers what of it the guest may know: what it can reach.
    pub(crate) fn note(&mut self, network: &Network, name: &str, found: &[IpAddr]) -> Vec<IpAddr> {
        let rules = &network.shared.rules;
        let about = rules.about_name(name);
        let mut known = Vec::new();
        for ip in found.iter().copied().map(address::canonical) {
            let reach = reach_from_here(ip);
            let is_reachable = network.shared.host.most.allows(reach)
                && rules.may_know(ip, reach, |rule| about.contains(&rule));
            if !is_reachable || known.contains(&ip) {
                continue;
            }
            known.push(ip);
            for rule in &about {
                if !self.found.contains(&(ip, *rule)) {
                    self.found.push((ip, *rule));
                }
            }
        }
        let surplus = self.found.len().saturating_sub(FINDINGS);
        self.found.drain(..surplus);
        known
    }

    /// Whether a packet may go there.
    pub(crate) fn permits(
        &mut self,
        network: &Network,
        to: SocketAddr,
        transport: Transport,
    ) -> bool {
        if self.permitted.contains(&(to, transport)) {
            return true;
        }
        let shared = &network.shared;
        let (ip, reach) = (address::canonical(to.ip()), reach_from_here(to.ip()));
        let found = |rule| self.found.contains(&(ip, rule));
        let permits =
            shared.host.most.allows(reach) && shared.rules.permits(to, transport, reach, found);
        if permits {
            if self.permitted.len() >= PERMITTED {
                self.permitted.pop_front();
            }
            self.permitted.push_back((to, transport));
        }
        permits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn network(host: &NetworkHost, allow: &[&str]) -> Network {
        let allow = allow.iter().map(|rule| rule.parse().unwrap()).collect();
        host.network(NetworkRules { allow, ..NetworkRules::default() })
    }

    fn to(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// A name server that answers with what nobody should reach, as one that rebinds names does.
    fn rebinding() -> NetworkHost {
        let answers =
            ["93.184.216.34", "127.0.0.1", "169.254.169.254", "::1", "10.0.0.7", "fe80::1"];
        let answers: Vec<IpAddr> = answers.iter().map(|text| text.parse().unwrap()).collect();
        NetworkHost::new(8).unwrap().lookup(Box::new(move |_| Ok(answers.clone())))
    }

    #[test]
    fn a_name_opens_what_was_found_for_it_but_not_this_host_or_metadata() {
        let network = network(&rebinding(), &["evil.example:80"]);
        let mut call = NetworkUse::default();
        assert!(!call.permits(&network, to("93.184.216.34:80"), Transport::Tcp));
        let found = network.look_up("evil.example").unwrap();
        let found = found.block(Some(Instant::now() + Duration::from_secs(30))).unwrap().unwrap();
        let known = call.note(&network, "evil.example", &found);
        let expected: Vec<IpAddr> =
            ["93.184.216.34", "10.0.0.7"].map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(known, expected);
        assert!(call.permits(&network, to("93.184.216.34:80"), Transport::Tcp));
        assert!(call.permits(&network, to("[::ffff:93.184.216.34]:80"), Transport::Tcp));
        for closed in ["127.0.0.1:80", "169.254.169.254:80", "[::1]:80", "93.184.216.34:81"] {
            assert!(!call.permits(&network, to(closed), Transport::Tcp), "{closed}");
        }
        // Another call has found nothing yet.
        assert!(!NetworkUse::default().permits(&network, to("93.184.216.34:80"), Transport::Tcp));
    }

    #[test]
    fn names_that_no_rule_is_about_are_not_looked_up() {
        let host = NetworkHost::new(8).unwrap().lookup(Box::new(|name| panic!("asked for {name}")));
        let refused = |allow: &[&str], name: &str| network(&host, allow).look_up(name).unwrap_err();
        assert_eq!(refused(&["good.example:*"], "bad.example"), LookupRefusal::NotAllowed);
        assert_eq!(refused(&["10.0.0.0/8:*"], "bad.example"), LookupRefusal::NotAllowed);
        assert_eq!(refused(&[], "localhost"), LookupRefusal::NotAllowed);
    }

    #[test]
    fn the_host_decides_how_far_rules_reach() {
        let rules = ["*:80", "10.0.0.0/8:80", "127.0.0.1:80"];
        let reachable = |most| {
            let network = network(&NetworkHost::new(8).unwrap().reach(most), &rules);
            ["8.8.8.8:80", "10.0.0.1:80", "127.0.0.1:80"]
                .map(|text| NetworkUse::default().permits(&network, to(text), Transport::Tcp))
        };
        assert_eq!(reachable(NetworkReach::All), [true, true, true]);
        assert_eq!(reachable(NetworkReach::Private), [true, true, false]);
        assert_eq!(reachable(NetworkReach::Public), [true, false, false]);
        assert_eq!(reachable(NetworkReach::None), [false, false, false]);
    }

    #[test]
    fn findings_are_bounded() {
        let network = network(&NetworkHost::new(8).unwrap(), &["*.example:80"]);
        let mut call = NetworkUse::default();
        for n in 0..3000_u32 {
            call.note(&network, "a.example", &[IpAddr::from((n | 1 << 27).to_be_bytes())]);
        }
        assert_eq!(call.found.len(), FINDINGS);
    }
}
