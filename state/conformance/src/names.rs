//! Keys, namespaces and listings.

use std::thread;

use faasm_state::{Condition, Entry, Key};

use crate::Subject;
use crate::subject::{at, done};

/// Keys that are easily taken for one another or for a store's own.
fn keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = [
        &b"a"[..],
        b"a\0",
        b"\0",
        b"a/b",
        b"a//b",
        b"/",
        b"{a}",
        b"{}a",
        b"{",
        b"}",
        b"a:b",
        b"a%3ab",
        b"a%",
        b"*",
        b"a\nb",
        b"a\r\nb",
        b" a",
        b"\xff",
        b"\xff\xfe",
        b"\xc3\xa4",
        b"a.lock",
        b"a:m",
        b"A",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    keys.push(vec![b'k'; Key::MAX_LEN]);
    keys.push(vec![0xff; Key::MAX_LEN]);
    keys.push(vec![0xff; Key::MAX_LEN - 1]);
    keys
}

/// Whatever bytes they have.
pub fn keys_of_any_bytes_are_apart(subject: &Subject) {
    let value = |n: usize| format!("value {n}").into_bytes();
    for (n, key) in keys().iter().enumerate() {
        let at = subject.at(key);
        subject.set(&at, value(n));
        done(subject.tier().append(&at, value(n), None)).unwrap();
    }
    for (n, key) in keys().iter().enumerate() {
        let at = subject.at(key);
        assert_eq!(subject.whole(&at), value(n), "{at}");
        assert_eq!(subject.appended(&at), [value(n)], "{at}");
    }
    let listed = done(subject.other().list(subject.namespace(), b"", None, 1_000)).unwrap();
    let mut sorted = keys();
    sorted.sort();
    let listed: Vec<_> = listed.iter().map(|entry| entry.key.as_bytes()).collect();
    assert_eq!(listed, sorted);
    let first = subject.at(&keys()[0]);
    assert!(done(subject.tier().delete(&first, Condition::ALWAYS)).unwrap());
    assert_eq!(subject.whole(&subject.at(&keys()[1])), value(1));
}

/// A namespace and a key are never joined into one.
pub fn addresses_are_two_parts_and_never_meet(subject: &Subject) {
    let name = subject.namespace();
    let pairs = [
        (format!("{name}_b"), &b"c"[..]),
        (name.to_owned(), b"b_c"),
        (name.to_owned(), b"_b_c"),
        (format!("{name}:b"), b"c"),
        (name.to_owned(), b"b:c"),
        (format!("{name}/b"), b"c"),
        (name.to_owned(), b"b/c"),
        (format!("{name}{{b}}"), b"c"),
        (format!("{name} b"), b"c"),
    ];
    for (n, (namespace, key)) in pairs.iter().enumerate() {
        subject.set(&at(namespace, key), n.to_string());
    }
    for (n, (namespace, key)) in pairs.iter().enumerate() {
        assert_eq!(subject.whole(&at(namespace, key)), n.to_string().into_bytes());
    }
    let listed = done(subject.tier().list(&pairs[0].0, b"", None, 10)).unwrap();
    assert_eq!(listed.iter().map(|entry| entry.key.as_bytes()).collect::<Vec<_>>(), [b"c"]);
}

fn list(subject: &Subject, prefix: &[u8], after: Option<&[u8]>, most: usize) -> Vec<Vec<u8>> {
    let after = after.map(|after| Key::new(after).unwrap());
    let listed = done(subject.other().list(subject.namespace(), prefix, after.as_ref(), most));
    listed.unwrap().into_iter().map(|entry| entry.key.as_bytes().to_vec()).collect()
}

/// Not in that of a language or of a tree.
pub fn listings_are_in_the_order_of_bytes(subject: &Subject) {
    let keys: Vec<&[u8]> = vec![
        b"A",
        b"B",
        b"a",
        b"a\0",
        b"a\0b",
        b"a ",
        b"a/b",
        b"aa",
        b"ab",
        b"b",
        b"\xc3\xa4",
        b"\xff",
        b"\xff\xff",
    ];
    for key in keys.iter().rev() {
        subject.set(&subject.at(key), b"x");
    }
    assert_eq!(list(subject, b"", None, 100), keys);
    assert_eq!(list(subject, b"a", None, 100), &keys[2..9]);
    assert_eq!(list(subject, b"a", Some(b"a\0b"), 2), [b"a ".to_vec(), b"a/b".to_vec()]);
    assert_eq!(list(subject, b"\xff", None, 100), &keys[11..]);
    assert_eq!(list(subject, b"", Some(b"\xff\xff"), 100), Vec::<Vec<u8>>::new());
    assert_eq!(list(subject, b"", Some(b"Aa"), 1), [b"B"]);
    assert_eq!(list(subject, b"b", Some(b"a"), 9), [b"b"]);
    assert_eq!(list(subject, b"a", Some(b"b"), 9), Vec::<Vec<u8>>::new());
    assert_eq!(list(subject, b"", None, 0), Vec::<Vec<u8>>::new());
}

/// What there is, and nothing that was.
pub fn listings_show_values_and_lists(subject: &Subject) {
    let tier = subject.tier();
    let [value, list, both, gone, emptied] =
        ["a-value", "b-list", "c-both", "d-gone", "e-emptied"].map(|key| subject.at(key));
    for at in [&value, &both, &gone] {
        subject.set(at, b"12345");
    }
    for at in [&list, &list, &both, &gone, &emptied] {
        done(tier.append(at, b"element".to_vec(), None)).unwrap();
    }
    assert!(done(tier.delete(&gone, Condition::ALWAYS)).unwrap());
    done(tier.clear_appended(&emptied, None)).unwrap();
    let stat = |at| done(subject.tier().stat(at)).unwrap();
    let expected = [
        Entry { key: value.key.clone(), stat: stat(&value), appended: 0 },
        Entry { key: list.key.clone(), stat: None, appended: 2 },
        Entry { key: both.key.clone(), stat: stat(&both), appended: 1 },
    ];
    for tier in [subject.tier(), subject.other()] {
        assert_eq!(done(tier.list(subject.namespace(), b"", None, 10)).unwrap(), expected);
    }
    subject.set(&gone, b"again");
    assert_eq!(done(tier.list(subject.namespace(), b"", None, 10)).unwrap().len(), 4);
    assert!(done(tier.list("nobody's", b"", None, 10)).unwrap().is_empty());
}

/// Each key once, though some are gone and some come while it is read.
pub fn long_listings_are_read_page_by_page(subject: &Subject) {
    const ALL: usize = 600;
    let key = |n: usize| format!("{n:05}").into_bytes();
    thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || {
                for n in (0..ALL).filter(|n| n % 4 == part) {
                    let set =
                        subject.either(n).set(&subject.at(key(n)), vec![1], Condition::ALWAYS);
                    done(set).unwrap();
                }
            });
        }
    });
    // Whole pages are gone.
    for n in 100..350 {
        assert!(done(subject.either(n).delete(&subject.at(key(n)), Condition::ALWAYS)).unwrap());
    }
    let mut all = Vec::new();
    loop {
        let page = list(subject, b"0", all.last().map(Vec::as_slice), 70);
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 70);
        all.extend(page);
    }
    let expected: Vec<_> = (0..100).chain(350..ALL).map(key).collect();
    assert!(all == expected);
    assert!(list(subject, b"", None, usize::MAX) == expected);
}
