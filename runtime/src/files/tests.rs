//! The store on a folder of the test's own.

use faasm_hostif::{Files, Shared};

use super::*;

const NONE: FileLimits = FileLimits { bytes: 1 << 30, files: 1000, cache_bytes: 1 << 20 };

fn path(text: &str) -> FilePath {
    text.parse().unwrap()
}

fn put(tenant: &TenantFiles, files: &[(&str, &[u8])]) -> Result<Put, FilesError> {
    let files: Vec<_> = files.iter().map(|(name, bytes)| (path(name), *bytes)).collect();
    tenant.put(&files)
}

fn text(tenant: &TenantFiles, name: &str) -> Option<String> {
    let info = tenant.get(&path(name))?;
    let mut bytes = vec![0; usize::try_from(info.bytes).unwrap()];
    assert_eq!(tenant.content(info.digest).unwrap().read_at(0, &mut bytes).unwrap(), bytes.len());
    Some(String::from_utf8(bytes).unwrap())
}

fn names(tenant: &TenantFiles) -> Vec<String> {
    tenant.list_below(None).into_iter().map(|info| info.path).collect()
}

#[test]
fn files_are_there_after_a_restart_and_only_those() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), NONE).unwrap();
    let tenant = store.tenant("demo").unwrap();
    put(&tenant, &[("a/b", b"one"), ("a/c", b"two"), ("d", b"one")]).unwrap();
    assert_eq!(put(&tenant, &[("a/b", b"three")]).unwrap().replaced, 1);
    assert_eq!(tenant.remove(&path("a/c")).unwrap(), 1);
    assert_eq!(tenant.remove(&path("a/c")).unwrap(), 0);
    assert!(store.tenant("other").unwrap().list_below(None).is_empty());
    drop((store, tenant));

    let contents = dir.path().join("files/contents");
    assert_eq!(fs::read_dir(&contents).unwrap().count(), 3);
    let store = FileStore::open(dir.path(), NONE).unwrap();
    let tenant = store.tenant("demo").unwrap();
    assert_eq!(names(&tenant), ["a/b", "d"]);
    assert_eq!(text(&tenant, "a/b").as_deref(), Some("three"));
    assert_eq!(text(&tenant, "d").as_deref(), Some("one"));
    assert_eq!(fs::read_dir(&contents).unwrap().count(), 2);
}

#[test]
fn a_line_that_was_being_written_never_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), NONE).unwrap();
    put(&store.tenant("demo").unwrap(), &[("a", b"1")]).unwrap();
    put(&store.tenant("demo").unwrap(), &[("b", b"2")]).unwrap();
    drop(store);
    let journal = dir.path().join("files/names/demo");
    let whole = fs::read(&journal).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in first..whole.len() {
        fs::write(&journal, &whole[..cut]).unwrap();
        let store = FileStore::open(dir.path(), NONE).unwrap();
        let tenant = store.tenant("demo").unwrap();
        assert_eq!(names(&tenant), ["a"], "{cut}");
        put(&tenant, &[("c", b"3")]).unwrap();
        drop((store, tenant));
        let store = FileStore::open(dir.path(), NONE).unwrap();
        assert_eq!(names(&store.tenant("demo").unwrap()), ["a", "c"], "{cut}");
    }
    fs::write(&journal, b"{}\n").unwrap();
    assert!(matches!(FileStore::open(dir.path(), NONE), Err(FilesError::Journal { line: 1, .. })));
}

#[test]
fn a_journal_of_the_past_is_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), NONE).unwrap();
    let tenant = store.tenant("demo").unwrap();
    let many: Vec<_> = (0..600).map(|i| (path(&format!("many/{i}")), &b"x"[..])).collect();
    for _ in 0..3 {
        tenant.put(&many).unwrap();
        tenant.remove(&path("many")).unwrap();
    }
    put(&tenant, &[("kept", b"x")]).unwrap();
    drop((store, tenant));
    let journal = dir.path().join("files/names/demo");
    let before = fs::metadata(&journal).unwrap().len();
    let store = FileStore::open(dir.path(), NONE).unwrap();
    assert_eq!(names(&store.tenant("demo").unwrap()), ["kept"]);
    assert!(fs::metadata(&journal).unwrap().len() < before / 100);
    drop(store);
    let store = FileStore::open(dir.path(), NONE).unwrap();
    assert_eq!(text(&store.tenant("demo").unwrap(), "kept").as_deref(), Some("x"));
}

#[test]
fn files_and_directories_do_not_share_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), NONE).unwrap();
    let tenant = store.tenant("demo").unwrap();
    put(&tenant, &[("a/b/c", b"1")]).unwrap();
    for bad in
        [&[("a/b", &b"2"[..])][..], &[("x", b"1"), ("x/y", b"2")], &[("x/y", b"1"), ("x", b"2")]]
    {
        assert!(put(&tenant, bad).is_err(), "{bad:?}");
    }
    assert!(matches!(put(&tenant, &[("a/b/c/d", b"2")]), Err(FilesError::BelowFile { .. })));
    assert_eq!(names(&tenant), ["a/b/c"]);
    tenant.remove(&path("a/b")).unwrap();
    put(&tenant, &[("a/b", b"2")]).unwrap();
    assert_eq!(names(&tenant), ["a/b"]);
}

#[test]
fn directories_follow_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), NONE).unwrap();
    let tenant = store.tenant("demo").unwrap();
    assert!(matches!(tenant.find(""), Some(Shared::Directory { .. })));
    put(&tenant, &[("a/b/c", b"1"), ("a/d", b"22")]).unwrap();
    let list = |path: &str| {
        tenant.list(path).into_iter().map(|(name, _)| name.into_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (list(""), list("a"), list("a/b")),
        (vec!["a".into()], vec!["b".into(), "d".into()], vec!["c".into()])
    );
    assert!(matches!(tenant.find("a/b"), Some(Shared::Directory { modified }) if modified > 0));
    assert!(matches!(tenant.find("a/d"), Some(Shared::File { bytes: 2, .. })));
    assert_eq!(tenant.find("a/"), None);
    tenant.remove(&path("a/b/c")).unwrap();
    assert_eq!((tenant.find("a/b"), list("a")), (None, vec!["d".into()]));
    tenant.remove(&path("a")).unwrap();
    assert_eq!(list(""), Vec::<String>::new());
}

#[test]
fn limits_hold_for_what_would_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let limits = FileLimits { bytes: 10, files: 2, ..NONE };
    let store = FileStore::open(dir.path(), limits).unwrap();
    let tenant = store.tenant("demo").unwrap();
    put(&tenant, &[("a", b"12345678")]).unwrap();
    assert!(matches!(put(&tenant, &[("b", b"123")]), Err(FilesError::TooMuch { limit: 10, .. })));
    put(&tenant, &[("a", b"123")]).unwrap();
    put(&tenant, &[("b", b"123")]).unwrap();
    assert!(matches!(put(&tenant, &[("c", b"")]), Err(FilesError::TooMuch { limit: 2, .. })));
}

#[test]
fn a_damaged_content_is_not_given() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), NONE).unwrap();
    let tenant = store.tenant("demo").unwrap();
    for size in [10, 3 << 20] {
        let bytes = vec![7; size];
        let info = put(&tenant, &[("a", &bytes)]).unwrap().files.remove(0);
        let file = dir.path().join("files/contents").join(info.digest.to_string());
        fs::write(&file, vec![8; size]).unwrap();
        let error = tenant.fetch(info.digest.into()).block(None).unwrap().unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::InvalidData);
        fs::write(&file, &bytes).unwrap();
        assert!(tenant.content(info.digest).is_ok());
    }
}

#[test]
fn a_content_that_lost_its_path_can_still_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), NONE).unwrap();
    let tenant = store.tenant("demo").unwrap();
    let old = put(&tenant, &[("a", b"old")]).unwrap().files.remove(0);
    put(&tenant, &[("a", b"new")]).unwrap();
    tenant.remove(&path("a")).unwrap();
    assert!(tenant.content(old.digest).is_ok());
}
