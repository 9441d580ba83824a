//! Trust anchors out of a signed, numbered list: signed by OpenSSL, kept against older ones.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tests::{House, house, tools};

use crate::log;

/// A publisher of lists, with OpenSSL for a pen.
struct Publisher {
    folder: tempfile::TempDir,
    anchors: PathBuf,
}

impl Publisher {
    fn new(anchors: PathBuf) -> anyhow::Result<Self> {
        let one = Self { folder: tempfile::tempdir()?, anchors };
        fs::write(
            one.path("req.conf"),
            "[req]\ndistinguished_name=dn\nx509_extensions=signer\nprompt=no\n\
             [dn]\nCN=TEST publisher of trust lists\n\
             [signer]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\n",
        )?;
        for name in ["publisher", "stranger"] {
            let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
            one.openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key])?;
            one.openssl(&[
                "req",
                "-x509",
                "-config",
                "req.conf",
                "-key",
                &key,
                "-days",
                "30",
                "-out",
                &certificate,
            ])?;
        }
        Ok(one)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = Command::new("openssl").current_dir(&self.folder).args(arguments).output()?;
        anyhow::ensure!(output.status.success(), "openssl: {}", tools::said(&output));
        Ok(())
    }

    /// A list with this number, for these uses, by `signer`.
    fn publish(&self, number: u64, remark: &str, signer: &str) -> anyhow::Result<PathBuf> {
        let output = Command::new(house::program("ecabinet")?)
            .args(["trust", "draft", "--sequence", &number.to_string(), "--remark", remark, "--anchor"])
            .arg(&self.anchors)
            .args(["--use", "signing", "--use", "time-stamping"])
            .output()?;
        anyhow::ensure!(output.status.success(), "draft: {}", tools::said(&output));
        let name = format!("{number}-{signer}.bundle");
        fs::write(self.path(&name), &output.stdout)?;
        let (key, certificate) = (format!("{signer}.key"), format!("{signer}.pem"));
        self.openssl(&[
            "cms",
            "-sign",
            "-cades",
            "-binary",
            "-in",
            &name,
            "-signer",
            &certificate,
            "-inkey",
            &key,
            "-outform",
            "PEM",
            "-out",
            "signature.pem",
        ])?;
        let mut file = output.stdout;
        file.extend(fs::read(self.path("signature.pem"))?);
        fs::write(self.path(&name), file)?;
        Ok(self.path(&name))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anchors_of_a_list_are_taken_from_its_publisher_and_never_an_older_one() -> anyhow::Result<()> {
    let mut house = House::start()?;
    let publisher = Publisher::new(house.dir().join("trust"))?;
    let path = house.dir().join("ecabinet.toml");
    let in_force = house.dir().join("trust.bundle");
    fs::copy(publisher.publish(7, "THỬ NGHIỆM", "publisher")?, &in_force)?;
    house.stop()?;

    let mut config: toml::Table = fs::read_to_string(&path)?.parse()?;
    let keys = config.get_mut("keys").and_then(toml::Value::as_table_mut).context("[keys]")?;
    keys.insert("trust".to_owned(), in_force.display().to_string().into());
    keys.insert("trust_signers".to_owned(), publisher.path("publisher.pem").display().to_string().into());
    let listen = config.get_mut("listen").and_then(toml::Value::as_table_mut).context("[listen]")?;
    listen.insert("local".to_owned(), publisher.path("local.sock").display().to_string().into());
    let own = publisher.path("own.toml");
    fs::write(&own, toml::to_string(&config)?)?;
    let socket = publisher.path("local.sock");
    // Tells it to stop as soon as it serves; a refusal ends it before.
    let serve = || -> anyhow::Result<Output> {
        let mut program = Command::new(house::program("ecabinet")?);
        program.args(["serve", "--config"]).arg(&own).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn()?;
        while child.try_wait()?.is_none() {
            if UnixStream::connect(&socket).is_ok() {
                let pid = child.id().to_string();
                tools::run("kill", &["-INT".as_ref(), pid.as_ref()])?;
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(child.wait_with_output()?)
    };
    let refused = |says: &str| -> anyhow::Result<()> {
        let output = serve()?;
        let said = tools::said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "expected {says:?}: {said}");
        Ok(())
    };

    let said = tools::said(&serve()?);
    assert!(said.contains("office opened") && said.contains("stopping"), "{said}");

    fs::copy(publisher.publish(8, "THỬ NGHIỆM", "stranger")?, &in_force)?;
    refused("not signed by a configured certificate")?;
    fs::copy(publisher.publish(6, "THỬ NGHIỆM", "publisher")?, &in_force)?;
    refused("number 6, but number 7 was seen")?;
    fs::copy(publisher.publish(7, "another text", "publisher")?, &in_force)?;
    refused("under which another list was seen")?;
    let newer = publisher.publish(8, "THỬ NGHIỆM", "publisher")?;
    let text = fs::read_to_string(&newer)?;
    fs::write(&in_force, text.replacen("time-stamping", "tls-card", 1))?;
    refused("not signed by a configured certificate")?;
    fs::copy(&newer, &in_force)?;
    let said = tools::said(&serve()?);
    assert!(said.contains("office opened"), "{said}");

    house.run()?;
    let mut auditor = house.user("kiemtoan").await?;
    let adopted = |entries: &Value| log::of_kind(entries, "trust-list-adopted").len();
    let entries = log::until(&mut auditor, |entries| adopted(entries) >= 2).await?;
    assert_eq!(adopted(&entries), 2, "list 7 and list 8, once each: {entries}");
    Ok(())
}
