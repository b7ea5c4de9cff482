//! The tier in a file: what the port asks, restarts, damage, full disks and lost power.

#![allow(clippy::single_range_in_vec_init, reason = "one range is what is meant")]

use std::fs;
use std::sync::Barrier;
use std::time::Instant;

use faasm_state::{Combine, MemoryTier, Number};

use super::*;

mod conformance;
mod disk;
mod power;

use disk::Disk;

const LONG: Duration = Duration::from_mins(1);

fn at(key: &str) -> Address {
    Address { namespace: Arc::from("u"), key: Key::new(key.as_bytes()).unwrap() }
}

/// The end of an operation that is not to take long.
fn end<T>(operation: GlobalOp<T>) -> Result<T, GlobalError> {
    operation.block(Some(Instant::now() + LONG)).expect("it ends")
}

fn whole(tier: &dyn GlobalTier, at: &Address) -> Option<Vec<u8>> {
    Some(end(tier.get(at, &[0..usize::MAX])).unwrap()?.patch.into_bytes())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &tempfile::TempDir) -> DurableTier {
    DurableTier::open(&folder.path().join("state"), DurableOptions::default()).unwrap()
}

fn on(disk: &Disk) -> Result<DurableTier, OpenError> {
    on_with(disk, DurableOptions::default())
}

fn on_with(disk: &Disk, options: DurableOptions) -> Result<DurableTier, OpenError> {
    let disk = disk.clone();
    let open = move |builder: &redb::Builder| builder.create_with_backend(disk.clone());
    DurableTier::with(Path::new("disk"), options, Box::new(open))
}

fn bytes(rng: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    let len = rng.usize(..=most);
    std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
}

/// A result without its versions, which tiers choose.
fn plain<T: fmt::Debug>(result: Result<T, GlobalError>) -> String {
    match result {
        Ok(done) => format!("{done:?}"),
        Err(GlobalError::Conflict { .. }) => "conflict".to_owned(),
        Err(GlobalError::Full { .. }) => "full".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// One random operation on both; what each answers.
fn step(rng: &mut fastrand::Rng, tiers: [&dyn GlobalTier; 2], most: usize) -> [String; 2] {
    let at = at(["a", "b", "c"][rng.usize(..3)]);
    let (kind, data, offset) = (rng.u8(..11), bytes(rng, most), rng.usize(..=most));
    let (few, wanted, wrong) = (rng.usize(..4), rng.bool(), rng.u8(..8) == 0);
    let runs = [offset..offset + data.len(), offset + 2 * data.len()..offset + 3 * data.len()];
    tiers.map(|tier| {
        let stat = end(tier.stat(&at)).unwrap();
        let version = stat.map_or(Version::ABSENT, |stat| stat.version);
        let when = match (kind % 2, wrong) {
            (0, _) => Condition::ALWAYS,
            (_, false) => Condition::at(version),
            (_, true) => Condition::at(Version(version.0 + 1)),
        };
        let number = if kind == 4 { Number::I64 } else { Number::F32 };
        let done = match kind {
            0 | 1 => plain(end(tier.set(&at, data.clone(), when)).map(drop)),
            2 | 3 => {
                let fill = |_: usize, into: &mut [u8]| {
                    into.copy_from_slice(&data[..into.len()]);
                    Ok::<(), GlobalError>(())
                };
                let patch = Patch::gather(offset + 5 * data.len(), &runs, fill).unwrap();
                plain(end(tier.set_ranges(&at, patch, when)).map(drop))
            }
            4 | 5 => {
                let bytes = data[..data.len() / 8 * 8].to_vec();
                let change = Merge::Numbers { combine: Combine::Max, number, offset, bytes };
                plain(end(tier.merge(&at, change, when, wanted)).map(|merged| merged.result))
            }
            6 => plain(end(tier.append(&at, data.clone(), None))),
            7 => plain(end(tier.take_appended(&at, few, most, Wait::Not, None))),
            8 => plain(end(tier.read_appended(&at, few, 2 * most))),
            9 if few == 0 => plain(end(tier.delete(&at, when))),
            9 => plain(
                end(tier.merge(&at, Merge::Union(vec![data.clone()]), when, wanted))
                    .map(|merged| merged.result),
            ),
            _ if few == 0 => plain(end(tier.clear_appended(&at, None))),
            _ => plain(end(tier.get(&at, &runs)).map(|fetched| fetched.map(|it| it.patch))),
        };
        let sizes = end(tier.list("u", b"", None, 10)).unwrap();
        let sizes = sizes.into_iter().map(|it| (it.key, it.stat.map(|it| it.size), it.appended));
        format!("{kind} {done} {:?}", sizes.collect::<Vec<_>>())
    })
}

#[test]
fn it_does_what_the_tier_in_memory_does() {
    let folder = folder();
    for (seed, most) in [(1, 40), (2, 3 * tables::CHUNK), (3, tables::CHUNK)] {
        let mut rng = fastrand::Rng::with_seed(seed);
        let options = DurableOptions { capacity: 30 * most, ..DurableOptions::default() };
        let path = folder.path().join(seed.to_string());
        let mut durable = Some(DurableTier::open(&path, options).unwrap());
        let memory = MemoryTier::new(30 * most);
        for round in 0..300 {
            let tier = durable.as_ref().unwrap();
            let [ours, reference] = step(&mut rng, [tier, &memory], most);
            assert_eq!(ours, reference, "seed {seed}, round {round}");
            assert_eq!(tier.used(), memory.used(), "seed {seed}, round {round}: {ours}");
            for key in ["a", "b", "c"] {
                assert!(whole(tier, &at(key)) == whole(&memory, &at(key)), "{seed}, {round}");
            }
            if round % 50 == 49 {
                drop(durable.take());
                durable = Some(DurableTier::open(&path, options).unwrap());
            }
        }
    }
}

#[test]
fn what_was_there_is_there_after_a_restart_but_for_locks() {
    let folder = folder();
    let first = open(&folder);
    let written = end(first.set(&at("v"), vec![7; 200_000], Condition::ALWAYS)).unwrap();
    end(first.set(&at("gone"), vec![7; 10], Condition::ALWAYS)).unwrap();
    let gone = end(first.stat(&at("gone"))).unwrap().unwrap().version;
    end(first.delete(&at("gone"), Condition::ALWAYS)).unwrap();
    end(first.append(&at("l"), b"one".to_vec(), None)).unwrap();
    let token = end(first.lock(&at("v"), Mode::Write, LONG, None)).unwrap().unwrap();
    let used = first.used();
    drop(first);

    let second = open(&folder);
    assert_eq!(second.used(), used);
    let stat = end(second.stat(&at("v"))).unwrap().unwrap();
    assert_eq!(stat, Stat { version: written.after, size: 200_000 });
    assert_eq!(whole(&second, &at("v")).unwrap(), vec![7; 200_000]);
    let list = end(second.read_appended(&at("l"), 9, 99)).unwrap();
    assert_eq!(list, [b"one"]);
    let under = Condition::ALWAYS.under(Some(token));
    assert!(matches!(end(second.set(&at("v"), vec![], under)), Err(GlobalError::Fenced)));
    let next = end(second.lock(&at("v"), Mode::Write, LONG, None)).unwrap().unwrap();
    assert!(next.epoch > token.epoch);
    let again = end(second.set(&at("gone"), vec![1], Condition::ALWAYS)).unwrap();
    assert!(again.before == Version::ABSENT && again.after > gone && again.after > written.after);
}

#[test]
fn a_push_of_one_page_writes_no_more_than_its_chunks() {
    let disk = Disk::default();
    let tier = on(&disk).unwrap();
    end(tier.set(&at("v"), vec![1; 64 << 20], Condition::ALWAYS)).unwrap();
    let before = disk.written();
    let page = 4761 * 4096..4762 * 4096;
    let patch = Patch::gather(64 << 20, std::slice::from_ref(&page), |_, into| {
        into.fill(2);
        Ok::<(), GlobalError>(())
    });
    end(tier.set_ranges(&at("v"), patch.unwrap(), Condition::ALWAYS)).unwrap();
    let wrote = disk.written() - before;
    assert!(wrote < 512 << 10, "{wrote} bytes");
    let mut expected = vec![1; 64 << 20];
    expected[page].fill(2);
    assert!(whole(&tier, &at("v")).unwrap() == expected);
}

#[test]
fn writes_that_come_while_the_disk_works_share_a_commit() {
    let disk = Disk::default();
    let tier = on(&disk).unwrap();
    disk.hold();
    let first = tier.set(&at("first"), vec![1], Condition::ALWAYS);
    disk.wait_until_held();
    let others: Vec<_> =
        (0..100).map(|n| tier.set(&at(&n.to_string()), vec![n], Condition::ALWAYS)).collect();
    let commits = tier.handle.store.counters().commits;
    assert!(others.iter().all(|other| !other.is_done()), "none is acknowledged yet");
    disk.release();
    end(first).unwrap();
    for other in others {
        end(other).unwrap();
    }
    assert_eq!(tier.handle.store.counters().commits, commits + 2);
}

#[test]
fn a_lock_does_not_change_hands_while_a_write_under_it_is_on_its_way_to_the_disk() {
    let disk = Disk::default();
    let tier = on(&disk).unwrap();
    let token = end(tier.lock(&at("v"), Mode::Write, LONG, None)).unwrap().unwrap();
    disk.hold();
    let write = tier.set(&at("v"), vec![1], Condition::ALWAYS.under(Some(token)));
    disk.wait_until_held();
    end(tier.unlock(&at("v"), token)).unwrap();
    let next = tier.lock(&at("v"), Mode::Write, LONG, None);
    assert!(!write.is_done() && !next.is_done());
    disk.release();
    end(write).unwrap();
    let next = end(next).unwrap().unwrap();
    assert_eq!(whole(&tier, &at("v")).unwrap(), [1]);
    let late = tier.set(&at("v"), vec![2], Condition::ALWAYS.under(Some(token)));
    assert!(matches!(end(late), Err(GlobalError::Fenced)));
    end(tier.set(&at("v"), vec![3], Condition::ALWAYS.under(Some(next)))).unwrap();
}

#[test]
fn a_disk_that_hangs_fails_operations_in_time() {
    let disk = Disk::default();
    let deadline = Duration::from_secs(1);
    let options = DurableOptions { deadline, ..DurableOptions::default() };
    let tier = on_with(&disk, options).unwrap();
    disk.hold();
    let first = tier.set(&at("a"), vec![1], Condition::ALWAYS);
    disk.wait_until_held();
    let second = tier.set(&at("b"), vec![1], Condition::ALWAYS);
    assert!(matches!(end(first), Err(GlobalError::Unknown(_))));
    assert!(matches!(end(second), Err(GlobalError::Unavailable(_))));
    disk.release();
    // It goes on; a slow machine may need more than one try.
    while end(tier.set(&at("c"), vec![1], Condition::ALWAYS)).is_err() {}
    // What was unknown has happened, and what was unavailable has not.
    assert_eq!(whole(&tier, &at("a")), Some(vec![1]));
    assert_eq!(whole(&tier, &at("b")), None);
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let disk = Disk::default();
    let tier = on(&disk).unwrap();
    end(tier.set(&at("small"), vec![1; 1000], Condition::ALWAYS)).unwrap();
    disk.limit(Some(disk.len() + (1 << 20)));
    let failed = end(tier.set(&at("large"), vec![2; 16 << 20], Condition::ALWAYS)).unwrap_err();
    let GlobalError::Unavailable(source) = failed else { panic!("{failed:?}") };
    assert!(source.to_string().ends_with(": the disk is full; make room on it"), "{source}");
    assert_eq!(whole(&tier, &at("small")), Some(vec![1; 1000]), "it is still read");
    assert_eq!(whole(&tier, &at("large")), None);
    disk.limit(None);
    end(tier.set(&at("large"), vec![2; 16 << 20], Condition::ALWAYS)).unwrap();
    assert_eq!(whole(&tier, &at("large")), Some(vec![2; 16 << 20]));
}

#[test]
fn a_file_in_use_a_damaged_one_and_a_newer_one_are_refused_with_what_to_do() {
    let folder = folder();
    let path = folder.path().join("state");
    let tier = open(&folder);
    end(tier.set(&at("v"), vec![1; 1 << 20], Condition::ALWAYS)).unwrap();
    let refused = || DurableTier::open(&path, DurableOptions::default()).unwrap_err();
    let error = refused();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(tier);

    let sound = fs::read(&path).unwrap();
    let page = sound.windows(4096).position(|page| page == [1; 4096]).unwrap();
    let mut damaged = sound.clone();
    damaged[page + 100] ^= 1;
    for damaged in [&damaged[..], &sound[..sound.len() / 2], b"no state file"] {
        fs::write(&path, damaged).unwrap();
        let error = refused();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    }
    fs::write(&path, &sound).unwrap();
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(tables::META).unwrap().insert("format", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = refused();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 1, .. }), "{error}");
}

#[test]
fn a_take_that_was_given_up_takes_nothing_and_others_are_served_in_their_order() {
    let tier = on(&Disk::default()).unwrap();
    let list = at("l");
    let take = || tier.take_appended(&list, 1, 99, Wait::UntilThere, None);
    let (given_up, first, second) = (take(), take(), take());
    // Behind those in the queue.
    end(tier.clear_appended(&list, None)).unwrap();
    drop(given_up);
    end(tier.append(&list, b"one".to_vec(), None)).unwrap();
    assert_eq!(end(first).unwrap(), [b"one"]);
    assert!(!second.is_done());
    end(tier.append(&list, b"two".to_vec(), None)).unwrap();
    assert_eq!(end(second).unwrap(), [b"two"]);
    end(tier.append(&list, b"three".to_vec(), None)).unwrap();
    assert_eq!(end(tier.read_appended(&list, 9, 99)).unwrap(), [b"three"]);
}

fn elements(tier: &DurableTier, list: &Address) -> Vec<Vec<u8>> {
    end(tier.read_appended(list, usize::MAX, usize::MAX)).unwrap()
}

/// Elements of one byte, one after the other.
fn fill(tier: &DurableTier, list: &Address, bytes: Range<u8>) {
    for byte in bytes {
        end(tier.append(list, vec![byte], None)).unwrap();
    }
}

/// An answer that nobody takes: the take was done before this returns.
fn unread(tier: &DurableTier, list: &Address, most: usize) -> GlobalOp<Vec<Vec<u8>>> {
    let taking = tier.take_appended(list, most, usize::MAX, Wait::Not, None);
    let (sender, done) = mpsc::channel();
    taking.on_done(Box::new(move || sender.send(()).unwrap()));
    done.recv_timeout(LONG).unwrap();
    taking
}

#[test]
fn takes_that_are_given_up_while_the_disk_works_leave_the_list_as_it_was() {
    let disk = Disk::default();
    let tier = on(&disk).unwrap();
    let list = at("l");
    fill(&tier, &list, 0..6);
    disk.hold();
    let take = |_| tier.take_appended(&list, 1, 99, Wait::Not, None);
    let given_up: Vec<_> = (0..4).map(take).collect();
    disk.wait_until_held();
    drop(given_up);
    disk.release();
    // The first may be in the batch of the last take; what is put back then is before the second.
    fill(&tier, &list, 6..8);
    assert_eq!(elements(&tier, &list), (0..8_u8).map(|n| vec![n]).collect::<Vec<_>>());
}

#[test]
fn what_comes_back_finds_its_place_and_its_room_whatever_has_come_meanwhile() {
    let list = at("l");
    let fitting = tables::overhead(&list) + 3 * tables::element_cost(&[0; 100]);
    let options = DurableOptions { capacity: fitting, ..DurableOptions::default() };
    let tier = on_with(&Disk::default(), options).unwrap();
    let append = |n| end(tier.append(&list, vec![n; 100], None));
    for round in 0..3 {
        assert!((0..2).all(|n| append(n).is_ok()));
        // The list ends with its last element, and is made anew.
        let gone = unread(&tier, &list, 2);
        assert!((2..5).all(|n| append(n).is_ok()));
        drop(gone);
        assert!(matches!(append(5), Err(GlobalError::Full { .. })), "round {round}");
        let there: Vec<_> = elements(&tier, &list).iter().map(|element| element[0]).collect();
        assert_eq!(there, [0, 1, 2, 3, 4], "round {round}");
        assert_eq!(tier.used(), fitting + 2 * tables::element_cost(&[0; 100]));
        assert_eq!(end(tier.take_appended(&list, 9, 999, Wait::Not, None)).unwrap().len(), 5);
        assert_eq!(tier.used(), 0);
    }
}

#[test]
fn an_answer_that_nobody_has_taken_is_put_back_before_the_file_is_closed() {
    let (folder, list) = (folder(), at("l"));
    let tier = open(&folder);
    fill(&tier, &list, 0..3);
    let gone = unread(&tier, &list, 2);
    drop(tier);
    drop(gone);
    assert_eq!(elements(&open(&folder), &list), [[0], [1], [2]]);
}

#[test]
fn handles_on_many_threads_lose_nothing() {
    let folder = folder();
    let tier = open(&folder);
    let (threads, each) = (8_u64, 40_u64);
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start.wait();
                for _ in 0..each {
                    let one = Merge::Numbers {
                        combine: Combine::Sum,
                        number: Number::I64,
                        offset: 8,
                        bytes: 1_i64.to_le_bytes().to_vec(),
                    };
                    end(tier.merge(&at("n"), one, Condition::ALWAYS, false)).unwrap();
                }
            });
        }
    });
    let value = whole(&tier, &at("n")).unwrap();
    assert_eq!(value[8..], (threads * each).to_le_bytes());
    let commits = tier.handle.store.counters().commits;
    assert!(commits <= threads * each, "{commits} commits");
}
