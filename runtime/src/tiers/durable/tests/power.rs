//! Losses of power at random moments: what was acknowledged is there after each.

use super::*;

/// What a writer knows of its value and list: what was acknowledged last, and what was tried.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    acknowledged: u64,
    tried: u64,
}

/// A value whose first and last bytes are its number, in more than one chunk.
fn value(number: u64) -> Vec<u8> {
    let mut value = vec![number.to_le_bytes()[0]; 70_000];
    value[..8].copy_from_slice(&number.to_le_bytes());
    value[69_992..].copy_from_slice(&number.to_le_bytes());
    value
}

fn write(tier: &DurableTier, key: &str, known: &mut [Known; 2]) {
    loop {
        let [set, list] = known;
        set.tried += 1;
        if end(tier.set(&at(key), value(set.tried), Condition::ALWAYS)).is_err() {
            return;
        }
        set.acknowledged = set.tried;
        list.tried += 1;
        let element = list.tried.to_le_bytes().to_vec();
        if end(tier.append(&at(key), element, None)).is_err() {
            return;
        }
        list.acknowledged = list.tried;
    }
}

/// What is there is what was acknowledged last, or what was tried after it; that is known from now on.
fn check(tier: &DurableTier, key: &str, [set, list]: &mut [Known; 2], context: &str) {
    let found = whole(tier, &at(key));
    let number =
        found.as_ref().map_or(0, |found| u64::from_le_bytes(*found.first_chunk().unwrap()));
    assert!((set.acknowledged..=set.tried).contains(&number), "{context}: {set:?}, not {number}");
    assert!(number == 0 || found.unwrap() == value(number), "{context}: {number} is torn");
    let elements = end(tier.read_appended(&at(key), usize::MAX, usize::MAX)).unwrap();
    let count = elements.len() as u64;
    assert!((list.acknowledged..=list.tried).contains(&count), "{context}: {list:?}, not {count}");
    for (element, number) in elements.iter().zip(1_u64..) {
        assert_eq!(**element, number.to_le_bytes(), "{context}");
    }
    *set = Known { acknowledged: number, tried: number };
    *list = Known { acknowledged: count, tried: count };
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    let keys = ["a", "b", "c"];
    let mut rng = fastrand::Rng::with_seed(6);
    let mut known = [[Known::default(); 2]; 3];
    let (mut disk, mut used) = (Disk::default(), 0);
    for round in 0..400 {
        if let Ok(tier) = on(&disk) {
            disk.power();
            for (key, known) in keys.iter().zip(&mut known) {
                check(&tier, key, known, &format!("round {round}"));
            }
            disk.fail_after(rng.usize(1..400));
            thread::scope(|scope| {
                for (key, known) in keys.iter().zip(&mut known) {
                    let tier = &tier;
                    scope.spawn(move || write(tier, key, known));
                }
            });
            used = tier.used();
        }
        disk = Disk::of(disk.remains(&mut rng));
        if round % 3 == 0 {
            // Also while it is being opened.
            disk.fail_after(rng.usize(1..60));
        }
    }
    let acknowledged: u64 = known.iter().map(|[set, _]| set.acknowledged).sum();
    assert!(acknowledged > 400 && used > 0, "{known:?}");
}
