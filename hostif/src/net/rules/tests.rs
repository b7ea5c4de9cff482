//! Rules as texts, and what they open.

use proptest::prelude::*;

use super::*;

fn rules(allow: &[&str]) -> NetworkRules {
    let allow = allow.iter().map(|rule| rule.parse().unwrap()).collect();
    NetworkRules { allow, ..NetworkRules::default() }
}

fn opens(allow: &str, to: &str) -> bool {
    let to: SocketAddr = to.parse().unwrap();
    rules(&[allow]).permits(to, Transport::Tcp, reach(to.ip()), |_| false)
}

#[test]
fn rules_are_read_and_written() {
    for text in [
        "example.org:443",
        "*.example.org:*",
        "10.0.0.0/8:5432",
        "10.1.2.3:80-90/tcp",
        "[2001:db8::/32]:53/udp",
        "[::1]:8080",
        "*:443",
        "0.0.0.0/0:*",
    ] {
        assert_eq!(text.parse::<EgressRule>().unwrap().to_string(), text);
    }
    let same = [
        ("EXAMPLE.org.:443", "example.org:443"),
        ("[2001:db8::]/32:1-1024", "[2001:db8::/32]:1-1024"),
        ("[::ffff:10.0.0.1]:80", "10.0.0.1:80"),
        ("10.0.0.1/32:80", "10.0.0.1:80"),
    ];
    for (written, read) in same {
        assert_eq!(written.parse::<EgressRule>().unwrap().to_string(), read);
    }
}

#[test]
fn what_is_no_rule_says_why() {
    let cases = [
        ("example.org", "names no port"),
        ("10.0.0.0/8", "names no port"),
        ("[::1]", "names no port"),
        ("example.org:", "`` is no port"),
        ("example.org:http", "`http` is no port"),
        ("example.org:99999", "is no port"),
        ("example.org:90-80", "is no port"),
        ("example.org:+80", "is no port"),
        ("example.org:80/sctp", "is no port"),
        ("::1:80", "`::1:80` is no name"),
        ("[::1:80", "is no name"),
        ("10.0.0.0/33:80", "is no name"),
        ("10.0.0.0/+8:80", "is no name"),
        ("10.0.0.1/8:80", "its first address is 10.0.0.0"),
        ("127.1:80", "is no name"),
        ("2130706433:80", "is no name"),
        ("0x7f000001:80", "is no name"),
        ("exa mple:80", "is no name"),
        ("*.*:80", "is no name"),
        ("-a:80", "is no name"),
        (":80", "is no name"),
        ("*.10.0.0.0/8:80", "is no name"),
        ("[::ffff:10.0.0.0/104]:80", "is no name"),
        ("169.254.169.254:80", "open to no function"),
        ("[::ffff:169.254.169.254]:80", "open to no function"),
        ("[fe80::/10]:80", "open to no function"),
        ("224.0.0.0/4:80", "open to no function"),
        ("0.0.0.0:80", "open to no function"),
        ("[::]:80", "open to no function"),
    ];
    for (text, why) in cases {
        let error = text.parse::<EgressRule>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let error = "example.org:80".parse::<ListenRule>().unwrap_err().to_string();
    assert!(error.contains("to listen on"), "{error}");
    assert!("0.0.0.0:8080".parse::<ListenRule>().is_ok());
}

#[test]
fn addresses_networks_and_ports() {
    assert!(opens("93.184.216.34:443", "93.184.216.34:443"));
    assert!(opens("93.184.216.34:443", "[::ffff:93.184.216.34]:443"));
    assert!(!opens("93.184.216.34:443", "93.184.216.35:443"));
    assert!(!opens("93.184.216.34:443", "93.184.216.34:80"));
    assert!(opens("10.0.0.0/8:5000-6000", "10.200.1.1:5432"));
    assert!(!opens("10.0.0.0/8:5000-6000", "10.200.1.1:6001"));
    assert!(opens("[2001:db8::/32]:*", "[2001:db8:1::5]:1"));
    assert!(!opens("[2001:db8::/32]:*", "[2001:db9::5]:1"));
    assert!(!opens("example.org:443", "93.184.216.34:443"));
}

#[test]
fn all_of_the_internet_is_not_all() {
    for all in ["*:*", "0.0.0.0/0:*", "[::/0]:*"] {
        let public = if all.starts_with('[') { "[2606:4700::1111]:80" } else { "8.8.8.8:80" };
        assert!(opens(all, public), "{all}");
        for to in [
            "127.0.0.1:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "10.0.0.1:80",
            "[fd00::1]:80",
            "169.254.169.254:80",
            "[::ffff:169.254.169.254]:80",
            "[64:ff9b::a9fe:a9fe]:80",
            "0.0.0.0:80",
            "[::]:80",
            "255.255.255.255:80",
            "224.0.0.1:80",
            "[fd00:ec2::254]:80",
        ] {
            assert!(!opens(all, to), "{all} opens {to}");
        }
    }
    // A network that is wider than the private one in it.
    assert!(!opens("10.0.0.0/7:*", "10.0.0.1:80"));
    assert!(opens("10.0.0.0/7:*", "11.0.0.1:80"));
    assert!(!opens("169.0.0.0/8:*", "169.254.169.254:80"));
    assert!(!opens("96.0.0.0/3:*", "127.0.0.1:80"));
}

#[test]
fn this_host_is_named_or_closed() {
    for (rule, to) in [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("127.0.0.0/8:80", "127.1.2.3:80"),
        ("[::1]:80", "[::1]:80"),
        ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
    ] {
        assert!(opens(rule, to), "{rule} {to}");
    }
    assert!(!opens("127.0.0.1:80", "127.0.0.2:80"));
    // Another address of this host, in a network that is opened as a whole, and by itself.
    let to: SocketAddr = "10.0.0.5:80".parse().unwrap();
    let own = |rule| rules(&[rule]).permits(to, Transport::Tcp, Reach::Own, |_| true);
    assert!(!own("10.0.0.0/8:80"));
    assert!(!own("*:80"));
    assert!(!own("example.org:80"));
    assert!(!own("localhost:80"));
    assert!(own("10.0.0.5:80"));
}

#[test]
fn names_open_what_was_found_for_them() {
    let rules = rules(&["api.example.org:443", "*.example.com:80", "localhost:1-9"]);
    assert_eq!(rules.about_name("api.example.org"), [0]);
    assert_eq!(rules.about_name("a.b.example.com"), [1]);
    for other in ["example.org", "example.com", "xexample.com", ".example.com", "api.example.org.x"]
    {
        assert_eq!(rules.about_name(other), [0; 0], "{other}");
    }
    let permits = |to: &str, by: usize| {
        let to: SocketAddr = to.parse().unwrap();
        rules.permits(to, Transport::Tcp, reach(to.ip()), |number| number == by)
    };
    assert!(permits("93.184.216.34:443", 0));
    assert!(permits("10.0.0.1:443", 0));
    assert!(!permits("93.184.216.34:80", 0));
    assert!(!permits("93.184.216.34:443", 1));
    // A name that leads to this host, or to metadata, leads nowhere.
    assert!(!permits("127.0.0.1:443", 0));
    assert!(!permits("[::1]:80", 1));
    assert!(!permits("169.254.169.254:443", 0));
    assert!(permits("127.0.0.1:5", 2));
}

#[test]
fn transports_are_told_apart() {
    let rules = rules(&["10.0.0.53:53/udp"]);
    let to: SocketAddr = "10.0.0.53:53".parse().unwrap();
    assert!(rules.permits(to, Transport::Udp, Reach::Private, |_| false));
    assert!(!rules.permits(to, Transport::Tcp, Reach::Private, |_| false));
}

#[test]
fn listening() {
    let rules = NetworkRules {
        listen: vec!["127.0.0.1:8000-8010".parse().unwrap(), "*:0".parse().unwrap()],
        ..NetworkRules::default()
    };
    let may = |at: &str| rules.permits_listening(at.parse().unwrap(), Transport::Tcp);
    assert!(may("127.0.0.1:8000") && may("0.0.0.0:0") && may("[::ffff:127.0.0.1]:8010"));
    assert!(!may("0.0.0.0:8000") && !may("127.0.0.1:8011") && !may("127.0.0.2:8000"));
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)));
    let v6 = any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits)));
    // Near the places where something is.
    let near = prop::sample::select(vec![
        "169.254.169.254",
        "127.0.0.1",
        "10.0.0.0",
        "100.100.100.200",
        "255.255.255.255",
        "::1",
        "fe80::",
        "fd00:ec2::254",
        "::ffff:0:0",
        "64:ff9b::",
        "2002::",
    ])
    .prop_flat_map(|text: &str| {
        let base: IpAddr = text.parse().unwrap();
        any::<u16>().prop_map(move |add| match base {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits().wrapping_add(add.into())).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits().wrapping_add(add.into())).into(),
        })
    });
    let mapped =
        any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits).to_ipv6_mapped()));
    prop_oneof![v4, v6, near, mapped]
}

fn any_rule() -> impl Strategy<Value = EgressRule> {
    let network = (any_address(), 0_u8..=128).prop_map(|(ip, prefix)| {
        let ip = canonical(ip);
        let prefix = prefix.min(if ip.is_ipv4() { 32 } else { 128 });
        let address = match ip {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::from(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::from(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
        };
        Host::Network { address, prefix }
    });
    let host = prop_oneof![
        network,
        Just(Host::Any),
        Just(Host::Name("example.org".into())),
        Just(Host::Below("example.org".into())),
    ];
    let ports = (any::<u16>(), any::<u16>()).prop_map(|(a, b)| Ports(a.min(b)..=a.max(b)));
    let transport = prop::sample::select(vec![None, Some(Transport::Tcp), Some(Transport::Udp)]);
    (host, ports, transport).prop_map(|(host, ports, transport)| EgressRule {
        host,
        ports,
        transport,
    })
}

proptest! {
    /// No set of rules opens what is never reached, whatever was found for names; and none but one about this host
    /// opens this host.
    #[test]
    fn no_rule_opens_what_is_closed(allow in prop::collection::vec(any_rule(), 1..5), ip in any_address(), port: u16) {
        let rules = NetworkRules { allow: allow.clone(), ..NetworkRules::default() };
        let far = reach(ip);
        let opened = rules.permits(SocketAddr::new(ip, port), Transport::Tcp, far, |_| true);
        if far == Reach::Never {
            prop_assert!(!opened);
        }
        if opened && far == Reach::Own {
            let about_it = |rule: &EgressRule| match &rule.host {
                Host::Network { address, prefix } => {
                    address.is_loopback() && last_address(*address, *prefix).is_loopback()
                }
                _ => false,
            };
            prop_assert!(allow.iter().any(about_it));
        }
        // The same address in IPv6's clothes is treated alike.
        if let IpAddr::V4(v4) = canonical(ip) {
            let dressed = SocketAddr::new(v4.to_ipv6_mapped().into(), port);
            let naked = SocketAddr::new(v4.into(), port);
            let permits = |to: SocketAddr| rules.permits(to, Transport::Tcp, reach(to.ip()), |_| true);
            prop_assert_eq!(permits(dressed), permits(naked));
        }
    }

    /// What is opened is so by a rule that names its port and its network.
    #[test]
    fn what_is_opened_was_named(rule in any_rule(), ip in any_address(), port: u16) {
        let rules = NetworkRules { allow: vec![rule.clone()], ..NetworkRules::default() };
        if rules.permits(SocketAddr::new(ip, port), Transport::Udp, reach(ip), |_| false) {
            prop_assert!(rule.ports.0.contains(&port));
            prop_assert!(rule.transport != Some(Transport::Tcp));
            match rule.host {
                Host::Network { address, prefix } => prop_assert!(same_prefix(address, canonical(ip), prefix)),
                Host::Any => prop_assert_eq!(reach(ip), Reach::Public),
                Host::Name(_) | Host::Below(_) => prop_assert!(false, "nothing was found for a name"),
            }
        }
    }

    #[test]
    fn rules_survive_being_written(rule in any_rule()) {
        let text = rule.to_string();
        match text.parse::<EgressRule>() {
            Ok(read) => prop_assert_eq!(read, rule),
            Err(RuleError::Never { .. }) => {}
            Err(error) => prop_assert!(false, "{text}: {error}"),
        }
    }

    #[test]
    fn no_text_panics(text in "[-*.:/\\[\\]0-9a-f]{0,40}") {
        let _ = text.parse::<EgressRule>();
        let _ = text.parse::<ListenRule>();
    }
}
