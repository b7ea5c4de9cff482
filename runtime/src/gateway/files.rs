//! Shared files as resources: put, get, remove, list; and many at once, as an archive.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use faasm_hostif::Content;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::{Gateway, body};
use crate::files::{FileInfo, FilePath, FilePathError, FilesError, TenantFiles};
use crate::name::{FunctionName, NameError};
use crate::problem::ProblemType;

/// Which files a request is about.
#[derive(Debug, Deserialize)]
pub(super) struct Below {
    /// The directory.
    below: Option<String>,
}

/// The tenant's files, if the namespace's name is one.
fn tenant(gateway: &Gateway, namespace: &str) -> Result<Arc<TenantFiles>, Failure> {
    FunctionName::new(namespace, "x").map_err(|error: NameError| invalid(&error))?;
    gateway.host.files().tenant(namespace).map_err(|error| Failure::from(&error))
}

fn file_path(text: &str) -> Result<FilePath, Failure> {
    text.parse().map_err(|error: FilePathError| invalid(&error))
}

fn directory(below: Option<&str>) -> Result<Option<FilePath>, Failure> {
    let text = below.map(|text| text.trim_end_matches('/')).filter(|text| !text.is_empty());
    text.map(file_path).transpose()
}

fn invalid(error: &dyn std::error::Error) -> Failure {
    Failure::new(ProblemType::InvalidRequest, error.to_string())
}

/// Runs what touches the disk on a thread that may wait for it.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Failure::new(ProblemType::Internal, "The request was lost.")))
}

/// `PUT /v1/namespaces/{ns}/files/{path}`.
pub(super) async fn put(
    State(gateway): State<Gateway>,
    Path((namespace, path)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let path = file_path(&path)?;
    let (bytes, share) = body::read(&gateway, &headers, body, gateway.limits.file_bytes).await?;
    on_disk(move || {
        let put = tenant(&gateway, &namespace)?.put(&[(path, &bytes)]);
        drop(share);
        let put = put.map_err(|error: FilesError| Failure::from(&error))?;
        let status = if put.replaced > 0 { StatusCode::OK } else { StatusCode::CREATED };
        Ok((status, Json(json!(put.files.first()))).into_response())
    })
    .await
}

/// `POST /v1/namespaces/{ns}/files?below={directory}`: every file of a tar archive, all at once.
pub(super) async fn put_archive(
    State(gateway): State<Gateway>,
    Path(namespace): Path<String>,
    Query(Below { below }): Query<Below>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let below = directory(below.as_deref())?;
    let (bytes, share) = body::read(&gateway, &headers, body, gateway.limits.file_bytes).await?;
    on_disk(move || {
        let files = unpack(&bytes, below.as_ref())?;
        let put = tenant(&gateway, &namespace)?.put(&files);
        drop(share);
        let put = put.map_err(|error| Failure::from(&error))?;
        let sum: u64 = put.files.iter().map(|file| file.bytes).sum();
        Ok(Json(json!({"files": put.files.len(), "bytes": sum, "replaced": put.replaced})))
    })
    .await
}

/// The files of an archive, with their paths below a directory.
fn unpack<'a>(
    archive: &'a Bytes,
    below: Option<&FilePath>,
) -> Result<Vec<(FilePath, &'a [u8])>, Failure> {
    let bad = |error: std::io::Error| {
        let detail = format!("The body is not a tar archive: {error}.");
        Failure::new(ProblemType::InvalidRequest, detail)
    };
    let mut files = Vec::new();
    for entry in tar::Archive::new(&archive[..]).entries().map_err(bad)? {
        let entry = entry.map_err(bad)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        if !kind.is_file() {
            let detail = format!("`{name}` of the archive is no file: links cannot be shared.");
            return Err(Failure::new(ProblemType::InvalidRequest, detail));
        }
        let from = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
        let to = usize::try_from(entry.size()).unwrap_or(usize::MAX).saturating_add(from);
        let bytes = archive.get(from..to).ok_or_else(|| {
            bad(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it is cut off"))
        })?;
        let name = name.strip_prefix("./").unwrap_or(&name);
        let path = below.map_or_else(|| name.to_owned(), |below| format!("{below}/{name}"));
        files.push((file_path(&path)?, bytes));
    }
    Ok(files)
}

/// `GET /v1/namespaces/{ns}/files/{path}`.
pub(super) async fn get(
    State(gateway): State<Gateway>,
    Path((namespace, path)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let path = file_path(&path)?;
    on_disk(move || {
        let files = tenant(&gateway, &namespace)?;
        let info = files.get(&path).ok_or_else(|| not_found(&files, &path))?;
        let bytes = whole(&files, &info).map_err(|error| {
            Failure::new(ProblemType::Internal, format!("`{path}` cannot be read: {error}."))
        })?;
        let etag = HeaderValue::from_str(&format!("\"{}\"", info.digest));
        let mut response = bytes.into_response();
        let binary = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(header::CONTENT_TYPE, binary);
        response.headers_mut().extend(etag.ok().map(|etag| (header::ETAG, etag)));
        Ok(response)
    })
    .await
}

fn whole(files: &TenantFiles, info: &FileInfo) -> std::io::Result<Bytes> {
    match files.content(info.digest)? {
        Content::Bytes(bytes) => Ok(Bytes::from_owner(bytes)),
        content @ Content::File(_) => {
            let mut bytes = vec![0; usize::try_from(info.bytes).unwrap_or(0)];
            let n = content.read_at(0, &mut bytes)?;
            bytes.truncate(n);
            Ok(bytes.into())
        }
    }
}

/// `DELETE /v1/namespaces/{ns}/files/{path}`: a file, or every file below a directory.
pub(super) async fn remove(
    State(gateway): State<Gateway>,
    Path((namespace, path)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let path = file_path(path.trim_end_matches('/'))?;
    on_disk(move || {
        let files = tenant(&gateway, &namespace)?;
        match files.remove(&path).map_err(|error| Failure::from(&error))? {
            0 => Err(not_found(&files, &path)),
            _ => Ok(StatusCode::NO_CONTENT.into_response()),
        }
    })
    .await
}

/// `GET /v1/namespaces/{ns}/files?below={directory}`.
pub(super) async fn list(
    State(gateway): State<Gateway>,
    Path(namespace): Path<String>,
    Query(Below { below }): Query<Below>,
) -> Result<Json<Value>, Failure> {
    let below = directory(below.as_deref())?;
    // Journals are read when the server starts, so this waits for nothing; but a list can be long.
    on_disk(move || {
        let files = tenant(&gateway, &namespace)?.list_below(below.as_ref());
        Ok(Json(json!({ "files": files })))
    })
    .await
}

fn not_found(files: &TenantFiles, path: &FilePath) -> Failure {
    if files.is_directory(path) {
        let failure =
            Failure::new(ProblemType::NotFound, format!("`{path}` is a directory, not a file."));
        return failure.hint(Some(format!("`faasm file ls USER/{path}` shows what is in it.")));
    }
    let failure = Failure::new(ProblemType::NotFound, format!("There is no file `{path}`."));
    failure.hint(Some("`faasm file ls USER` shows the files that there are.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Bytes {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, kind, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, *bytes).unwrap();
        }
        archive.into_inner().unwrap().into()
    }

    #[test]
    fn an_archive_is_its_files() {
        use tar::EntryType::{Directory, Regular};
        let long = "d/".repeat(80) + "file";
        let bytes = archive(&[
            ("dir", Directory, b""),
            ("dir/a", Regular, b"one"),
            (&long, Regular, b"two"),
        ]);
        let files = unpack(&bytes, Some(&"top".parse().unwrap())).unwrap();
        let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), *bytes)).collect();
        assert_eq!(files, [("top/dir/a", &b"one"[..]), (&format!("top/{long}"), b"two")]);
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let mut evil = archive(&[("aa/x", tar::EntryType::Regular, b"x")]).to_vec();
        evil[..4].copy_from_slice(b"../x");
        let mut header = tar::Header::from_byte_slice(&evil[..512]).clone();
        header.set_cksum();
        evil[..512].copy_from_slice(header.as_bytes());
        let cut = archive(&[("x", tar::EntryType::Regular, &[7; 2000])]).slice(..1000);
        for bad in [evil.into(), cut, Bytes::from_static(&[7; 1024])] {
            assert!(unpack(&bad, None).is_err());
        }
        let link = archive(&[("x", tar::EntryType::Symlink, b"")]);
        assert!(unpack(&link, None).is_err());
    }
}
