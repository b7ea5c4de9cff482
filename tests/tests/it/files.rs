//! Shared files: what functions read, what they write over them, and how they get there.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use faasm_runtime::call::CallError;
use faasm_runtime::files::{FileLimits, FilePath};
use faasm_runtime::name::FunctionName;

use crate::host::{TestHost, name, wasm};
use crate::process::{Serve, code, guest, text};

fn put(host: &TestHost, tenant: &str, file: &str, text: &str) {
    let path: FilePath = file.parse().unwrap();
    let files = host.host.files().tenant(tenant).unwrap();
    files.put(&[(path, text.as_bytes())]).unwrap();
}

#[test]
fn a_function_reads_shared_files_by_both_names() {
    let host = TestHost::having(&["files"]);
    assert_eq!(host.text("files", "read /data/a.txt"), "error No such file or directory\n");
    put(&host, "demo", "data/a.txt", "shared text");
    put(&host, "demo", "data/deep/b.txt", "deeper");
    let seen = host.text(
        "files",
        "read /data/a.txt\nread data/a.txt\nread faasm://data/a.txt\nsize /data/deep/b.txt\nlist /\nlist /data\nlist faasm://data/deep",
    );
    assert_eq!(seen, "shared text\nshared text\nshared text\n6\ndata tmp\na.txt deep\nb.txt\n");
}

#[test]
fn what_a_call_writes_is_its_own_and_gone_after_it() {
    let host = TestHost::having(&["files"]);
    put(&host, "demo", "a", "shared");
    put(&host, "demo", "dir/b", "also");
    let script = "write /a mine\nread /a\nappend dir/b !\nread dir/b\nwrite /tmp/new x\nmkdir /made\nrename /dir /made/dir\n\
                  read /made/dir/b\nread /dir/b\nremove /a\nlist /";
    for _ in 0..3 {
        assert_eq!(
            host.text("files", script),
            "ok\nmine\nok\nalso!\nok\nok\nok\nalso!\nerror No such file or directory\nok\nmade tmp\n"
        );
        assert_eq!(
            host.text("files", "read /a\nread dir/b\nlist /\nlist /tmp"),
            "shared\nalso\na dir tmp\n\n"
        );
    }
}

#[test]
fn a_tenant_sees_no_others_files() {
    let host = TestHost::having(&["files"]);
    put(&host, "other", "secret", "do not read");
    put(&host, "demo", "mine", "read");
    assert_eq!(
        host.text("files", "read /secret\nread /../other/secret\nlist /"),
        "error No such file or directory\nerror Operation not permitted\nmine tmp\n"
    );
    let files = FunctionName::new("other", "files").unwrap();
    host.host.upload(&files, &wasm("files")).unwrap();
    let function = host.host.function(&files).unwrap();
    let finished = crate::host::end(host.host.invoke(function, b"list /".to_vec(), None).finished);
    assert_eq!(finished.result.unwrap().output, b"secret tmp\n");
}

#[test]
fn a_new_version_is_seen_by_calls_that_begin_after_it() {
    let host = TestHost::having(&["files"]);
    for version in ["one", "two", "three"] {
        put(&host, "demo", "a", version);
        assert_eq!(host.text("files", "read /a"), format!("{version}\n"));
    }
    host.host.files().tenant("demo").unwrap().remove(&"a".parse().unwrap()).unwrap();
    assert_eq!(host.text("files", "read /a"), "error No such file or directory\n");
}

#[test]
fn state_is_written_from_shared_and_own_files() {
    let host = TestHost::having(&["files", "wordcount"]);
    put(&host, "demo", "words", "shared words words");
    assert_eq!(host.text("files", "state text faasm://words"), "18\n");
    assert!(host.text("wordcount", "text 1").starts_with("words 3\n"));
    assert_eq!(
        host.text("files", "write /tmp/own one two three four\nstate text /tmp/own"),
        "ok\n18\n"
    );
    assert!(host.text("wordcount", "text 1").starts_with("words 4\n"));
}

#[test]
fn an_initialisation_reads_files_and_leaves_none_open() {
    let host = TestHost::start();
    let upload = || host.host.upload(&name("files-zygote"), &wasm("files-zygote"));
    assert!(upload().is_err(), "without the file");
    put(&host, "demo", "greeting", "hello from before");
    upload().unwrap();
    put(&host, "demo", "greeting", "changed since");
    for _ in 0..2 {
        assert_eq!(host.text("files-zygote", ""), "hello from before\ngone\n");
    }
    put(&host, "demo", "leave-open", "");
    let error = faasm_runtime::problem::explain(&upload().unwrap_err());
    assert!(error.contains("descriptor 4 is open on `/greeting`"), "{error}");
}

#[test]
fn a_large_file_is_read_in_parts_and_written_over() {
    let host = TestHost::having(&["files"]);
    let large = "0123456789abcdef".repeat(1 << 16);
    put(&host, "demo", "large", &(large.clone() + &large));
    let seen = host.text("files", "size /large\nappend /large tail\nsize /large");
    assert_eq!(seen, format!("{}\nok\n{}\n", 2 << 20, (2 << 20) + 4));
    assert_eq!(host.text("files", "size /large"), format!("{}\n", 2 << 20));
}

#[test]
fn a_tenants_files_have_a_limit() {
    let host = TestHost::with(|config| {
        config.files = FileLimits { bytes: 100, ..FileLimits::default() };
    });
    let files = host.host.files().tenant("demo").unwrap();
    assert!(files.put(&[("a".parse().unwrap(), &[0; 101])]).is_err());
    assert!(files.put(&[("a".parse().unwrap(), &[0; 100])]).is_ok());
}

#[test]
fn files_come_and_go_by_the_command_line() {
    let mut server = Serve::start();
    let here = tempfile::tempdir().unwrap();
    let local = |name: &str| here.path().join(name).to_string_lossy().into_owned();
    fs::create_dir_all(here.path().join("lib/sub dir")).unwrap();
    fs::create_dir_all(here.path().join("lib/empty")).unwrap();
    for i in 0..300 {
        fs::write(here.path().join(format!("lib/module-{i}.py")), format!("# {i}")).unwrap();
    }
    fs::write(here.path().join("lib/sub dir/é?.txt"), "odd name").unwrap();
    fs::write(here.path().join("data"), b"\0\xff binary").unwrap();
    let put = server.faasm(&["file", "put", &local("data"), "demo/in/data"]);
    assert_eq!(code(&put), 0, "{put:?}");
    let put = server.faasm(&["file", "put", "-r", &local("lib"), "demo/lib"]);
    assert_eq!(code(&put), 0, "{put:?}");
    assert!(text(&put.stderr).contains("301 files"), "{put:?}");
    assert_eq!(code(&server.faasm(&["file", "put", &local("lib"), "demo/lib"])), 2);

    let got = server.faasm(&["file", "get", "demo/in/data"]);
    assert_eq!((code(&got), &got.stdout[..]), (0, &b"\0\xff binary"[..]), "{got:?}");
    let copy = local("copy");
    assert_eq!(code(&server.faasm(&["file", "get", "demo/lib/sub dir/é?.txt", &copy])), 0);
    assert_eq!(fs::read_to_string(&copy).unwrap(), "odd name");
    let listed = server.faasm(&["file", "ls", "demo"]);
    assert_eq!(text(&listed.stdout).lines().count(), 302);
    let listed = server.faasm(&["file", "ls", "-l", "demo/in/"]);
    assert!(
        text(&listed.stdout).contains(" 9  ") && text(&listed.stdout).ends_with("in/data\n"),
        "{listed:?}"
    );

    assert_eq!(code(&server.faasm(&["upload", "demo/files", &guest("files")])), 0);
    let read =
        |server: &Serve| server.faasm(&["invoke", "demo/files", "-d", "read /lib/module-299.py"]);
    assert_eq!(text(&read(&server).stdout), "# 299\n");
    assert_eq!(server.terminate(), 0);
    server.restart();
    assert_eq!(text(&read(&server).stdout), "# 299\n");

    for (args, expected) in [
        (&["file", "get", "demo/none"][..], 3),
        (&["file", "get", "demo/lib"], 3),
        (&["file", "rm", "demo/none"], 3),
        (&["file", "rm", "demo/lib"], 3),
        (&["file", "rm", "demo/in/data"], 0),
        (&["file", "rm", "-r", "demo/lib"], 0),
        (&["file", "put", &local("data"), "demo/../data"], 2),
    ] {
        let output = server.faasm(args);
        assert_eq!(code(&output), expected, "{args:?}: {output:?}");
    }
    assert_eq!(server.faasm(&["file", "ls", "demo"]).stdout, b"");
}

/// A folder as `tar` archives it.
#[test]
fn an_archive_of_anothers_making_is_put() {
    let server = Serve::start();
    let here = tempfile::tempdir().unwrap();
    let long = "x".repeat(120);
    fs::create_dir_all(here.path().join("lib").join(&long)).unwrap();
    fs::write(here.path().join("lib").join(&long).join("a"), "text").unwrap();
    let mut tar = Command::new("tar");
    let tar = tar.args(["-C", "lib", "-cf", "-", "."]).current_dir(here.path()).output().unwrap();
    let request = format!(
        "POST /v1/namespaces/demo/files?below=top HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        tar.stdout.len()
    );
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(&tar.stdout).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(r#""files":1"#), "{answer}");
    let listed = server.faasm(&["file", "ls", "demo"]);
    assert_eq!(text(&listed.stdout), format!("top/{long}/a\n"));
}

#[test]
fn a_function_is_told_where_it_is() {
    let host = TestHost::having(&["environment-check"]);
    assert_eq!(host.text("environment-check", ""), "ok");
    assert_eq!(host.text("environment-check", ""), "ok");
}

#[test]
fn objects_are_shared_files_in_folders() {
    let host = TestHost::having(&["objects", "files"]);
    let run = |script: &str| host.text("objects", script);
    assert_eq!(run("buckets\nkeys none"), " 0\n 0\n");
    assert_eq!(run("add b1 dir/key text one\nadd b1 other x\nadd b2 k y"), " 0\n 0\n 0\n");
    assert_eq!(
        run("buckets\nkeys b1\nkeys b1 di\nget b1 dir/key\ntry b1 none"),
        " 2 b1 b2\n 2 dir/key other\n 1 dir/key\n text one\n missing\n"
    );
    assert_eq!(run("add b1 other changed\nget b1 other"), " 1\n x\n");
    assert_eq!(run("replace b1 other changed\nget b1 other"), " 0\n changed\n");
    // They are files for others, and files are objects.
    assert_eq!(host.text("files", "read /b1/dir/key\nlist /"), "text one\nb1 b2 tmp\n");
    put(&host, "demo", "b3/of/file", "from outside");
    assert_eq!(run("keys b3\nget b3 of/file"), " 1 of/file\n from outside\n");
    for bad in ["get b1 none", "add b1 ../x y", "add b1/x y z", "add b1 dir x"] {
        let error = host.error("objects", bad.as_bytes());
        assert!(matches!(error, CallError::Trapped { .. }), "{bad}: {error:?}");
    }
}
