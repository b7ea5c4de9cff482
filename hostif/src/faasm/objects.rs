//! Objects, as the original has them on S3: a bucket is a top folder of the tenant's shared files, and a key is a path
//! below it. What is put is there for every call at once, and for this one as a file, too.

use std::sync::Arc;

use faasm_sfi::pending::Pending;

use super::{Argument, bytes, text};
use crate::error::Problem;
use crate::files::{Content, Files, Shared};
use crate::guest::{Allocation, Guest, Slice, Unfinished};

/// Names that were counted, for the call that then fills a list with them: the guest has made room for so many.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// Bucket and prefix; nothing where buckets were counted.
    of: Option<(String, String)>,
    names: Vec<String>,
}

/// Names of one list at most: each takes an allocation of the guest's.
const MAX_NAMES: usize = 65_536;

/// `__faasm_s3_get_num_buckets`.
pub(crate) fn num_buckets(guest: &mut Guest<'_>) -> Result<u32, Problem> {
    count(guest, None)
}

/// `__faasm_s3_list_buckets`.
pub(crate) fn list_buckets(guest: &mut Guest<'_>, names: u32, lens: u32) -> Result<(), Problem> {
    list(guest, None, names, lens)
}

/// `__faasm_s3_get_num_keys`.
pub(crate) fn num_keys(guest: &mut Guest<'_>, bucket: u32) -> Result<u32, Problem> {
    let bucket = text(guest, "bucket", bucket)?;
    count(guest, Some((bucket, String::new())))
}

/// `__faasm_s3_get_num_keys_with_prefix`.
pub(crate) fn num_keys_with_prefix(
    guest: &mut Guest<'_>,
    bucket: u32,
    prefix: u32,
) -> Result<u32, Problem> {
    let (bucket, prefix) = (text(guest, "bucket", bucket)?, text(guest, "prefix", prefix)?);
    count(guest, Some((bucket, prefix)))
}

/// `__faasm_s3_list_keys`.
pub(crate) fn list_keys(
    guest: &mut Guest<'_>,
    bucket: u32,
    names: u32,
    lens: u32,
) -> Result<(), Problem> {
    let bucket = text(guest, "bucket", bucket)?;
    list(guest, Some((bucket, String::new())), names, lens)
}

/// `__faasm_s3_list_keys_with_prefix`.
pub(crate) fn list_keys_with_prefix(
    guest: &mut Guest<'_>,
    bucket: u32,
    prefix: u32,
    names: u32,
    lens: u32,
) -> Result<(), Problem> {
    let (bucket, prefix) = (text(guest, "bucket", bucket)?, text(guest, "prefix", prefix)?);
    list(guest, Some((bucket, prefix)), names, lens)
}

/// `__faasm_s3_add_key_bytes`: 1 if there is such a key and it may not be replaced, else 0.
pub(crate) fn add_key_bytes(
    guest: &mut Guest<'_>,
    key: (u32, u32),
    data: Slice,
    overwrite: u32,
) -> Result<u32, Problem> {
    let path = path(guest, key)?;
    let max = guest.host().limits().state_bytes;
    let data = bytes(guest, "bytes", data, max)?;
    let files = files(guest)?;
    if overwrite == 0 && matches!(files.find(&path), Some(Shared::File { .. })) {
        return Ok(1);
    }
    match settle(guest, files.share(path, data))? {
        Ok(()) => Ok(0),
        Err(error) => Err(Problem::Put(error)),
    }
}

/// `__faasm_s3_get_key_bytes`: 1 if there is no such key and that is tolerated, else 0.
pub(crate) fn get_key_bytes(
    guest: &mut Guest<'_>,
    key: (u32, u32),
    into: u32,
    len: u32,
    tolerate_missing: u32,
) -> Result<u32, Problem> {
    guest.check(Slice::new(into, 4)).argument("bytes")?;
    guest.check(Slice::new(len, 4)).argument("len")?;
    let path = path(guest, key)?;
    let files = files(guest)?;
    let Some(Shared::File { digest, bytes, .. }) = files.find(&path) else {
        if tolerate_missing == 0 {
            return Err(Problem::NoObject { path });
        }
        guest.write_u32(into, 0).argument("bytes")?;
        guest.write_u32(len, 0).argument("len")?;
        return Ok(1);
    };
    let max = guest.host().limits().state_bytes;
    let n = u32::try_from(bytes).ok().filter(|n| *n <= max);
    let n = n.ok_or(Problem::TooLong { argument: "key", len: u32::MAX, max })?;
    let content = settle(guest, files.fetch(digest))?.map_err(|_| Problem::Unreadable)?;
    let address = allocate(guest, n)?;
    copy_out(guest, &content, address, n)?;
    guest.write_u32(into, address).argument("bytes")?;
    guest.write_u32(len, n).argument("len")?;
    Ok(0)
}

/// In pieces: a content can be larger than the host should hold twice.
fn copy_out(guest: &mut Guest<'_>, content: &Content, at: u32, len: u32) -> Result<(), Problem> {
    let mut piece = vec![0; (64 << 10).min(len as usize)];
    let mut done: u32 = 0;
    while done < len {
        let n = piece.len().min((len - done) as usize);
        let got = content.read_at(done.into(), &mut piece[..n]).map_err(|_| Problem::Unreadable)?;
        if got != n {
            return Err(Problem::Unreadable);
        }
        guest.write(at.wrapping_add(done), &piece[..n]).argument("bytes")?;
        done += u32::try_from(n).unwrap_or(len);
        guest.check_deadline()?;
    }
    Ok(())
}

/// Counts buckets or keys, and keeps their names for the list.
fn count(guest: &mut Guest<'_>, of: Option<(String, String)>) -> Result<u32, Problem> {
    let mut names = names(&*files(guest)?, of.as_ref());
    names.sort_unstable();
    names.truncate(MAX_NAMES);
    let n = names.len();
    guest.host_mut().counted = Counted { of, names };
    Ok(u32::try_from(n).unwrap_or(u32::MAX))
}

fn names(files: &dyn Files, of: Option<&(String, String)>) -> Vec<String> {
    let Some((bucket, prefix)) = of else {
        let all = files.list("").into_iter();
        let folders = all.filter(|(_, what)| matches!(what, Shared::Directory { .. }));
        return folders.map(|(name, _)| name.into_string()).collect();
    };
    let mut found = Vec::new();
    let mut rest = vec![(bucket.clone(), String::new())];
    while let Some((folder, key)) = rest.pop() {
        for (name, what) in files.list(&folder) {
            let key = format!("{key}{name}");
            match what {
                Shared::File { .. } if key.starts_with(prefix.as_str()) => found.push(key),
                Shared::File { .. } => {}
                Shared::Directory { .. } => rest.push((format!("{folder}/{name}"), key + "/")),
            }
        }
        if found.len() > MAX_NAMES {
            break;
        }
    }
    found
}

/// Gives the names that were counted, each with a NUL behind it that its length does not count.
fn list(
    guest: &mut Guest<'_>,
    of: Option<(String, String)>,
    names_at: u32,
    lens_at: u32,
) -> Result<(), Problem> {
    if guest.host().counted.of != of || guest.host().counted.names.is_empty() {
        count(guest, of)?;
    }
    let names = std::mem::take(&mut guest.host_mut().counted.names);
    let n = u32::try_from(names.len()).unwrap_or(u32::MAX);
    guest.check(Slice::new(names_at, n * 4)).argument("names")?;
    guest.check(Slice::new(lens_at, n * 4)).argument("lens")?;
    for (i, name) in (0..n).zip(names) {
        let mut text = name.into_bytes();
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        text.push(0);
        let address = allocate(guest, len + 1)?;
        guest.write(address, &text).argument("names")?;
        guest.write_u32(names_at + i * 4, address).argument("names")?;
        guest.write_u32(lens_at + i * 4, len).argument("lens")?;
        guest.check_deadline()?;
    }
    Ok(())
}

/// The path of a key.
fn path(guest: &Guest<'_>, (bucket, key): (u32, u32)) -> Result<String, Problem> {
    let (bucket, key) = (text(guest, "bucket", bucket)?, text(guest, "key", key)?);
    let path = format!("{bucket}/{key}");
    let bad = |part: &str| matches!(part, "" | "." | "..") || part.len() > 255;
    if bucket.contains('/') || path.split('/').any(bad) {
        return Err(Problem::NotAKey { path });
    }
    Ok(path)
}

fn files(guest: &Guest<'_>) -> Result<Arc<dyn Files>, Problem> {
    guest.host().shared_files().ok_or(Problem::NotHere { what: "shared files" })
}

fn settle<T: Send + 'static>(guest: &mut Guest<'_>, pending: Pending<T>) -> Result<T, Problem> {
    guest.wait(pending, None).map_err(|unfinished| match unfinished {
        Unfinished::Ended(trap) => Problem::Trap(trap),
        Unfinished::Abandoned | Unfinished::Deadline => Problem::Unreadable,
    })
}

/// Memory from the guest's `malloc`, which no host call may trust: what it gives is checked when it is written to.
fn allocate(guest: &mut Guest<'_>, len: u32) -> Result<u32, Problem> {
    match guest.allocate(len.max(1)) {
        Ok(0) | Err(Allocation::NoMalloc) => Err(Problem::Allocation { len }),
        Ok(address) => Ok(address),
        Err(Allocation::Trap(trap)) => Err(trap.into()),
    }
}
