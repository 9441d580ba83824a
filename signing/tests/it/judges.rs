//! Foreign judges on what we make, at every level: one table of expected verdicts, with the reason where one differs.
//!
//! Needs pyHanko (`tests/scripts/pyhanko`), `openssl`, `pdfsig` and `qpdf`. pyHanko and OpenSSL are told the time.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use serde_json::{Value, json};
use signing::validation::{Context, Indication, Material, RevocationRule, validate_in};
use signing::{Certificate, Imprint, SignatureAlgorithm, cades};

use crate::lasting::{Lasting, SIGNER_DAYS, Step, day};
use crate::world::{self, Person};

const PAPER: &[u8] = "nghị quyết".as_bytes();
const SIGNED: i64 = 10;
/// While the lists of the store hold.
const SOON: i64 = 13;
/// After the signers' certificates.
const LATE: i64 = SIGNER_DAYS + 10;

/// The day, and whether revocation is asked.
const WHEN: [(i64, bool); 4] = [(SOON, false), (LATE, false), (SOON, true), (LATE, true)];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Detached,
    Attached,
    Pdf,
}

/// What is judged, and what each judge is expected to say.
struct Row {
    level: &'static str,
    form: Form,
    /// Soon and late; then again, with revocation asked and the lists of that day handed in.
    pyhanko: [&'static str; 4],
    /// OpenSSL, soon and late; or how many signatures pdfsig finds valid, whatever the day.
    other: &'static str,
    /// As for pyHanko; of a CMS only whether it is accepted, because there we judge at one time only.
    ours: [&'static str; 4],
    /// Why judges differ.
    why: &'static str,
}

impl Row {
    /// What OpenSSL 3.0 and NSS, under pdfsig, say of Ed25519 in a CMS (RFC 8419): they do not know it.
    fn without_ed25519(&self) -> &'static str {
        if self.form == Form::Pdf { "0 valid" } else { "refused, refused" }
    }
}

/// The reason of rows without a difference.
const AGREED: &str = "afterwards nothing proves when it was signed";

const ROWS: &[Row] = &[
    Row {
        level: "B-B",
        form: Form::Detached,
        pyhanko: ["OK", "OUT_OF_BOUNDS_NO_POE", "OK", "OUT_OF_BOUNDS_NO_POE"],
        other: "accepted, refused",
        ours: ["accepted", "refused", "accepted", "refused"],
        why: AGREED,
    },
    Row {
        level: "B-T",
        form: Form::Detached,
        pyhanko: ["OK", "OK", "OK", "OK"],
        other: "accepted, refused",
        ours: ["accepted", "refused", "accepted", "refused"],
        why: "a CMS we judge at one time, which the caller takes from its time-stamp; OpenSSL knows no time-stamps",
    },
    Row {
        level: "B-B",
        form: Form::Attached,
        pyhanko: ["OK", "OUT_OF_BOUNDS_NO_POE", "OK", "OUT_OF_BOUNDS_NO_POE"],
        other: "accepted, refused",
        ours: ["accepted", "refused", "accepted", "refused"],
        why: AGREED,
    },
    Row {
        level: "B-T",
        form: Form::Attached,
        pyhanko: ["OK", "OK", "OK", "OK"],
        other: "accepted, refused",
        ours: ["accepted", "refused", "accepted", "refused"],
        why: "a CMS we judge at one time, which the caller takes from its time-stamp; OpenSSL knows no time-stamps",
    },
    Row {
        level: "B-B",
        form: Form::Pdf,
        pyhanko: ["OK", "OUT_OF_BOUNDS_NO_POE", "OK", "OUT_OF_BOUNDS_NO_POE"],
        other: "1 valid",
        ours: ["B-B", "OUT_OF_BOUNDS_NO_POE", "B-B", "OUT_OF_BOUNDS_NO_POE"],
        why: AGREED,
    },
    Row {
        level: "B-T",
        form: Form::Pdf,
        pyhanko: ["OK", "OK", "OK", "OK"],
        other: "1 valid",
        ours: ["B-T", "B-T", "B-T", "OUT_OF_BOUNDS_NO_POE"],
        why: "a list of after the certificate's end says nothing about it to us; pyHanko believes it",
    },
    Row {
        level: "B-LT",
        form: Form::Pdf,
        pyhanko: ["OK", "OK", "OK", "OK"],
        other: "1 valid",
        ours: ["B-LT", "B-LT", "B-LT", "B-LT"],
        why: AGREED,
    },
    Row {
        level: "B-LTA",
        form: Form::Pdf,
        pyhanko: ["NO_POE", "NO_POE", "OK", "OK"],
        other: "1 valid",
        ours: ["B-LTA", "B-LTA", "B-LTA", "B-LTA"],
        why: "pyHanko finds its way back in time along revocation only, so it must be asked; we say of the last time-stamp that it was not checked",
    },
];

fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("HOME")?).join(".cache/ecabinet/pyhanko/bin/python");
    python.exists().then_some(python)
}

/// Runs a script of this folder with a task in JSON, and reads what it answers.
fn ask(script: &str, task: &Value) -> Value {
    let python = python().expect("run tests/scripts/pyhanko first");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(script);
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(task.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

struct Bench {
    lasting: Lasting,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { lasting: Lasting::new(), folder: tempfile::tempdir().unwrap() };
        bench.file("root.pem", bench.lasting.root.certificate().to_pem().as_bytes());
        let known = [bench.lasting.sub.certificate(), bench.lasting.clocks.certificate()];
        bench.file("known.pem", known.map(Certificate::to_pem).concat().as_bytes());
        bench.file("paper", PAPER);
        bench
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A signer for each algorithm, by the name that the table has for it.
    fn signers(&mut self) -> Vec<(&'static str, Person, SignatureAlgorithm)> {
        let rsa = |bits| PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
        let kinds = [
            ("P-256", world::ec_key(), SignatureAlgorithm::EcdsaP256Sha256),
            ("P-384", world::key_on(Nid::SECP384R1), SignatureAlgorithm::EcdsaP384Sha384),
            ("RSA-2048", rsa(2048), SignatureAlgorithm::RsaPkcs1Sha256),
            ("RSA-3072", rsa(3072), SignatureAlgorithm::RsaPkcs1Sha256),
            ("RSA-PSS", rsa(3072), SignatureAlgorithm::RsaPssSha256),
            ("Ed25519", PKey::generate_ed25519().unwrap(), SignatureAlgorithm::Ed25519),
        ];
        let certified = kinds.into_iter().zip(1101..).map(|((kind, key, algorithm), serial)| {
            (kind, self.lasting.certify(key, &format!("Người ký {kind} (THỬ NGHIỆM)"), serial), algorithm)
        });
        certified.collect()
    }

    fn cms(&self, signer: &Person, algorithm: SignatureAlgorithm, form: Form, level: &str) -> Vec<u8> {
        let chain = [self.lasting.sub.certificate().clone()];
        let (certificate, at) = (&signer.certificate, day(SIGNED));
        let prepared = match form {
            Form::Attached => cades::prepare_attached(PAPER, certificate, &chain, at),
            Form::Detached | Form::Pdf => {
                let imprint = Imprint::of(algorithm.hash(), PAPER).unwrap();
                cades::prepare_as(algorithm, imprint, certificate, &chain, at)
            }
        };
        let prepared = prepared.unwrap();
        let raw = world::sign_raw(&signer.key, prepared.algorithm(), prepared.signed_attributes());
        let cms = prepared.embed(&raw).unwrap();
        if level == "B-B" {
            return cms;
        }
        let token = self.lasting.token_over(&self.lasting.clock, &cms, day(SIGNED));
        cades::add_timestamp(&cms, &token).unwrap()
    }

    fn pdf(&self, signer: &Person, algorithm: SignatureAlgorithm, level: &str) -> Vec<u8> {
        let lasting = &self.lasting;
        let plain = Step { algorithm: Some(algorithm), ..Step::plain("nguoi-ky", day(SIGNED)) };
        let stamp = (level != "B-B").then_some((&lasting.clock, day(SIGNED)));
        let signed = lasting.sign(&Lasting::paper(), signer, Step { stamp, ..plain });
        if matches!(level, "B-B" | "B-T") {
            return signed;
        }
        let kept = Lasting::keep(&signed, &lasting.evidence(&lasting.registers, day(SIGNED + 1)));
        if level == "B-LT" { kept } else { lasting.archive(&kept, &lasting.clock, day(SIGNED + 2)) }
    }

    fn openssl(&self, path: &Path, form: Form, on: i64) -> bool {
        let mut command = Command::new("openssl");
        command.current_dir(self.folder.path());
        command.args(["cms", "-verify", "-cades", "-binary", "-inform", "DER", "-out", "/dev/null"]);
        command.args(["-CAfile", "root.pem", "-attime", &day(on).as_seconds().to_string(), "-in"]).arg(path);
        if form == Form::Detached {
            command.args(["-content", "paper"]);
        }
        world::judge(&mut command).1.status.success()
    }

    /// OpenSSL on the time-stamp token in a CMS of level T.
    fn openssl_accepts_the_stamp(&self, cms: &[u8]) -> bool {
        let token = cades::time_stamps(cms).unwrap().remove(0);
        self.file("value", cades::signature_value(cms).unwrap());
        self.file("token", token.to_der());
        let mut command = Command::new("openssl");
        command.current_dir(self.folder.path()).args(["ts", "-verify", "-data", "value", "-in", "token"]);
        command.args(["-token_in", "-CAfile", "root.pem", "-untrusted", "known.pem", "-attime"]);
        command.arg(day(LATE).as_seconds().to_string());
        world::judge(&mut command).1.status.success()
    }

    /// The lists of a day, as files.
    fn lists(&self, on: i64) -> Vec<PathBuf> {
        let lists = self.lasting.lists(&self.lasting.registers, day(on));
        let name = |(index, list): (usize, Vec<u8>)| self.file(&format!("{on}-{index}.crl"), &list);
        lists.into_iter().enumerate().map(name).collect()
    }

    fn ours(&self, bytes: &[u8], form: Form, (on, revocation): (i64, bool)) -> String {
        let trust = self.lasting.trust();
        let accepted = |is_accepted| if is_accepted { "accepted".to_owned() } else { "refused".to_owned() };
        let material =
            Material { crls: self.lasting.lists(&self.lasting.registers, day(on)), ..Material::default() };
        let mut context = Context::at(Some(&trust), day(on));
        if revocation {
            (context.revocation, context.evidence) = (RevocationRule::Required, &material);
        }
        match form {
            Form::Detached => accepted(cades::verify_content(bytes, PAPER, &trust, day(on)).is_ok()),
            Form::Attached => accepted(cades::verify_attached(bytes, &trust, day(on)).is_ok()),
            Form::Pdf => {
                let report = validate_in(bytes, &context).unwrap();
                let first = &report.signatures[0];
                match first.indication {
                    Indication::TotalPassed => first.level.unwrap().to_owned(),
                    Indication::TotalFailed | Indication::Indeterminate => {
                        first.sub_indication.unwrap().to_owned()
                    }
                }
            }
        }
    }
}

fn words(judged: &[bool]) -> String {
    let word = |accepted: &bool| if *accepted { "accepted" } else { "refused" };
    judged.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[test]
fn every_judge_says_what_the_table_expects() {
    let mut bench = Bench::new();
    let kinds = bench.signers();
    let (mut jobs, mut names, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for row in ROWS {
        for (kind, signer, algorithm) in &kinds {
            let name = format!("{}-{:?}-{kind}", row.level, row.form);
            let bytes = match row.form {
                Form::Pdf => bench.pdf(signer, *algorithm, row.level),
                Form::Detached | Form::Attached => bench.cms(signer, *algorithm, row.form, row.level),
            };
            let path = bench.file(&name, &bytes);
            if row.form != Form::Pdf && row.level == "B-T" {
                assert!(bench.openssl_accepts_the_stamp(&bytes), "{name}");
            }
            let content = (row.form == Form::Detached).then(|| bench.folder.path().join("paper"));
            for (on, revocation) in WHEN {
                let lists = if revocation { bench.lists(on) } else { Vec::new() };
                jobs.push(json!({
                    "file": path, "content": content, "at": day(on).as_seconds(), "revocation": revocation,
                    "lists": lists, "is_pdf": row.form == Form::Pdf, "level": row.level,
                }));
            }
            let other = if row.form == Form::Pdf {
                let (says, output) = world::judge(Command::new("qpdf").arg("--check").arg(&path));
                assert!(output.status.success(), "{name}: {says}");
                let (says, _) = world::judge(Command::new("pdfsig").arg("-nocert").arg(&path));
                format!("{} valid", says.matches("Signature is Valid.").count())
            } else {
                words(&[SOON, LATE].map(|on| bench.openssl(&path, row.form, on)))
            };
            let expected = if *kind == "Ed25519" { row.without_ed25519() } else { row.other };
            let ours = WHEN.map(|when| bench.ours(&bytes, row.form, when));
            if other != expected || ours != row.ours {
                wrong.push(format!("{name}: {other} and ours {ours:?} ({})", row.why));
            }
            names.push((name, row));
        }
    }
    let verdicts = ask("judge.py", &json!({ "root": bench.folder.path().join("root.pem"), "jobs": jobs }));
    let verdicts: Vec<&str> =
        verdicts.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    for ((name, row), verdict) in names.iter().zip(verdicts.chunks(4)) {
        if verdict != row.pyhanko {
            wrong.push(format!("{name}: pyHanko {verdict:?} instead of {:?} ({})", row.pyhanko, row.why));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A time-stamping authority on the loopback whose clock stands at `at`, until the test's process ends.
fn serve(lasting: Lasting, at: cabinet::Timestamp) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut lines = BufReader::new(&stream);
            let mut len = 0;
            loop {
                let mut line = String::new();
                lines.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    len = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut request = vec![0; len];
            lines.read_exact(&mut request).unwrap();
            let answer = lasting.answer(&lasting.clock, &request, at);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            (&stream).write_all(&[head.as_bytes(), &answer].concat()).unwrap();
        }
    });
    port
}

#[test]
fn what_pyhanko_signs_reaches_its_level_here() {
    // pyHanko signs by the machine's clock.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = cabinet::Timestamp::from_micros(0).plus_seconds(i64::try_from(since.as_secs()).unwrap());
    let bench = Bench::new();
    let trust = bench.lasting.trust();
    let lists: Vec<PathBuf> = (0_u8..)
        .zip(bench.lasting.lists(&bench.lasting.registers, now.plus_seconds(-60)))
        .map(|(index, list)| bench.file(&format!("{index}.crl"), &list))
        .collect();
    let leader = &bench.lasting.leader;
    let task = json!({
        "signer": bench.file("signer.pem", leader.certificate.to_pem().as_bytes()),
        "key": bench.file("key.pem", &leader.key.private_key_to_pem_pkcs8().unwrap()),
        "others": bench.folder.path().join("known.pem"), "root": bench.folder.path().join("root.pem"),
        "lists": lists,
    });
    let from = bench.file("unsigned", &Lasting::paper());
    let levels = ["B-B", "B-T", "B-LTA"];
    let jobs: Vec<Value> = levels
        .iter()
        .map(|level| json!({ "level": level, "from": from, "to": bench.folder.path().join(level) }))
        .collect();
    let Bench { lasting, folder } = bench;
    let mut task = task;
    task["jobs"] = Value::Array(jobs);
    task["clock"] = json!(format!("http://127.0.0.1:{}/", serve(lasting, now)));
    ask("sign.py", &task);
    for level in levels {
        let pdf = std::fs::read(folder.path().join(level)).unwrap();
        let mut context = Context::at(Some(&trust), now.plus_seconds(60));
        if level == "B-LTA" {
            context.revocation = RevocationRule::Required;
        }
        let report = validate_in(&pdf, &context).unwrap();
        assert!(report.is_passed(), "{level}: {report:?}");
        assert_eq!(report.signatures[0].level, Some(level), "{report:?}");
    }
}
