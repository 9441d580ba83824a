//! The binary: exit codes, JSON and text.

use std::path::Path;
use std::process::{Command, Output};

use crate::world::{PKI, World};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ecabinet-audit")).current_dir(folder).args(arguments).output().unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let world = World::voted();
    let bundle = world.bundle();
    let mut changed = bundle.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::create_dir(folder.path().join("trust")).unwrap();
    write("trust/root.pem", PKI.root.certificate().to_pem().as_bytes());
    write("bundle.json", &bundle);
    write("changed.json", &changed);
    write("log.json", &world.export().encode());
    write("head.txt", world.checkpoint(&PKI.log).to_string().as_bytes());
    write("notes.txt", b"nothing");
    folder
}

#[test]
fn exits_with_the_worst_verdict() {
    let folder = folder();
    let at = "--at=2026-06-08T00:00:00+07:00";
    for (arguments, code) in [
        (["verify", "bundle.json", "--trust=trust", at].as_slice(), 0),
        (&["verify", "bundle.json", "log.json", "--trust=trust", at], 0),
        (&["verify", "log.json", "--trust=trust/root.pem", "--seen=head.txt", at], 0),
        (&["verify", "bundle.json", at], 2),
        (&["verify", "bundle.json", "--trust=trust", "--at=2046-06-08T00:00:00+07:00"], 2),
        (&["verify", "changed.json", "--trust=trust", at], 1),
        (&["verify", "notes.txt", "--trust=trust", at], 2),
        (&["verify", "absent.json", "--trust=trust", at], 2),
        (&["verify", "bundle.json", "notes.txt", "changed.json", "--trust=trust", at], 1),
        (&["verify", "bundle.json", "--trust=absent", at], 2),
        (&["verify", "bundle.json", "--trust=trust", "--at=yesterday"], 2),
        (&["verify"], 2),
        (&["verify", "--help"], 0),
    ] {
        let output = run(folder.path(), arguments);
        let shown =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {shown}");
    }
}

#[test]
fn tells_people_what_it_checked_and_counted() {
    let folder = folder();
    let output =
        run(folder.path(), &["verify", "bundle.json", "--trust=trust", "--at=2026-06-08T00:00:00+07:00"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("✔ ballot-signatures"), "{text}");
    assert!(text.contains("Kết quả kiểm lại: 2 đồng ý, 1 không đồng ý"), "{text}");
    assert!(text.ends_with("  verified\n"), "{text}");
    let output = run(folder.path(), &["verify", "changed.json", "--trust=trust"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains('✘'), "{text}");
}

#[test]
fn tells_machines_the_same_in_one_line_of_json_a_file() {
    let folder = folder();
    let arguments =
        ["verify", "bundle.json", "notes.txt", "--json", "--trust=trust", "--at=2026-06-08T00:00:00+07:00"];
    let output = run(folder.path(), &arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["path"], &lines[0]["verdict"]), (&"bundle.json".into(), &"verified".into()));
    assert_eq!(lines[0]["checks"][0]["name"], "spelling");
    assert_eq!(lines[0]["checks"][0]["ok"], true);
    assert_eq!(lines[0]["signatures"][0]["indication"], "TOTAL_PASSED");
    assert_eq!(lines[0]["signatures"][0]["integrity"], "intact");
    assert_eq!(lines[1]["verdict"], "cannot-tell");
}
