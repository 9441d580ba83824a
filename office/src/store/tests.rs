//! The store's behaviour, once on SQLite and once on PostgreSQL 15: one set of statements serves both.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use audit::Act;
use sqlx::Row as _;
use tempfile::TempDir;

use super::{Db, StoreError, SystemAct, Tx};
use crate::clock::Clock;
use crate::entries::Draft;
use crate::resolutions::store::take_number;

const ACT: SystemAct = SystemAct("test");

/// A database of our own, gone when this is dropped.
struct Engine {
    folder: TempDir,
    url: String,
    server: Option<Child>,
}

impl Engine {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("store.sqlite").display());
        Self { folder, url, server: None }
    }

    /// A PostgreSQL 15 server on a free port of loopback. As root, it runs as the account that Debian made for it.
    fn postgres() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = PathBuf::from("/usr/lib/postgresql/15/bin");
        assert!(bin.exists(), "apt-get install postgresql-15");
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let as_server = |program: &str| {
            let mut command = if is_root {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                    .arg(bin.join(program));
                command
            } else {
                Command::new(bin.join(program))
            };
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        if is_root {
            assert!(Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap().success());
        }
        let data = folder.path().join("data");
        let made = as_server("initdb")
            .args(["-U", "ecabinet", "-A", "trust", "-E", "UTF8", "-D"])
            .arg(&data)
            .status();
        assert!(made.unwrap().success());
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let server = as_server("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
            .arg(folder.path())
            .spawn()
            .unwrap();
        let url = format!("postgres://ecabinet@127.0.0.1:{port}/postgres");
        Self { folder, url, server: Some(server) }
    }

    async fn open(&self) -> Db {
        for _ in 0..200 {
            match Db::open(&self.url).await {
                Ok(db) => return db,
                Err(err) if self.server.is_none() => panic!("{err}"),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
        panic!("the database in {} did not come up", self.folder.path().display());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // An interrupt ends the server and its children at once.
            drop(Command::new("kill").args(["-INT", &server.id().to_string()]).status());
            drop(server.wait());
        }
    }
}

fn draft(n: usize) -> Draft {
    Draft::act(Act::ItemAdded, None, [("n", n.to_string())])
}

async fn setting(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    sqlx::query("insert into settings (name, value) values ($1, $2)")
        .bind(name.to_owned())
        .bind(vec![0_u8, 255])
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

async fn check(engine: Engine) {
    acts_are_whole_or_not_there(&engine.open().await).await;
    permits_do_not_outlive_what_they_were_judged_on(&engine.open().await).await;
    numbers_have_no_gap_and_none_comes_twice(&engine.open().await).await;
}

/// Of many acts at once, those that commit are there with their entries in strict order; those that were given up,
/// even after an error inside, left nothing.
async fn acts_are_whole_or_not_there(db: &Db) {
    let acts = (0..60_usize).map(|n| {
        let db = db.clone();
        tokio::spawn(async move {
            let mut tx = db.begin_system(ACT).await.unwrap();
            setting(&mut tx, &format!("act-{n}")).await.unwrap();
            match n % 3 {
                0 => drop(tx),
                1 => {
                    assert!(setting(&mut tx, &format!("act-{n}")).await.is_err(), "a key twice");
                    drop(tx);
                }
                _ => drop(tx.commit(Clock.now(), draft(n)).await.unwrap()),
            }
        })
    });
    for act in acts.collect::<Vec<_>>() {
        act.await.unwrap();
    }
    let rows = sqlx::query("select name, value from settings").fetch_all(db.readers()).await.unwrap();
    assert_eq!(rows.len(), 20);
    for row in rows {
        let (name, value): (String, Vec<u8>) = (row.get("name"), row.get("value"));
        assert_eq!((name[4..].parse::<usize>().unwrap() % 3, value), (2, vec![0, 255]));
    }
    let times: Vec<i64> = sqlx::query("select at from entries order by at")
        .fetch_all(db.readers())
        .await
        .unwrap()
        .iter()
        .map(|row| row.get("at"))
        .collect();
    assert_eq!(times.len(), 20);
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    assert_eq!(db.last_entry().as_micros(), times[19]);
}

async fn permits_do_not_outlive_what_they_were_judged_on(db: &Db) {
    let mut tx = db.begin_system(ACT).await.unwrap();
    tx.new_resource("thing", "vote").await.unwrap();
    tx.commit(Clock.now(), draft(100)).await.unwrap();
    let mut tx = db.begin_system(ACT).await.unwrap();
    tx.require("thing", 1).await.unwrap();
    tx.touch("thing").await.unwrap();
    tx.commit(Clock.now(), draft(101)).await.unwrap();
    let mut tx = db.begin_system(ACT).await.unwrap();
    assert!(matches!(tx.require("thing", 1).await, Err(StoreError::Conflict)));
    assert!(matches!(tx.require("nothing", 1).await, Err(StoreError::Conflict)));
    tx.require("thing", 2).await.unwrap();
}

async fn numbers_have_no_gap_and_none_comes_twice(db: &Db) {
    for (number, is_next) in [(1, true), (1, false), (3, false), (2, true)] {
        let mut tx = db.begin_system(ACT).await.unwrap();
        let taken = take_number(&mut tx, 2026, "NQ-CP", number).await;
        assert_eq!(taken.is_ok(), is_next, "{number}");
        if taken.is_ok() {
            tx.commit(Clock.now(), draft(200)).await.unwrap();
        }
    }
    let mut tx = db.begin_system(ACT).await.unwrap();
    take_number(&mut tx, 2027, "NQ-CP", 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_what_is_committed_and_nothing_else() {
    check(Engine::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_what_is_committed_and_nothing_else() {
    check(Engine::postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_syncs_fully() {
    let engine = Engine::sqlite();
    let db = engine.open().await;
    for (question, expected) in [("pragma synchronous", "2"), ("pragma foreign_keys", "1")] {
        let row = sqlx::query(question).fetch_one(db.readers()).await.unwrap();
        let answer =
            row.try_get::<i64, _>(0).map_or_else(|_| row.get::<i32, _>(0).to_string(), |n| n.to_string());
        assert_eq!(answer, expected, "{question}");
    }
    let mut tx = db.begin_system(ACT).await.unwrap();
    let row = sqlx::query("pragma synchronous").fetch_one(tx.connection().await.unwrap()).await.unwrap();
    let answer =
        row.try_get::<i64, _>(0).map_or_else(|_| row.get::<i32, _>(0).to_string(), |n| n.to_string());
    assert_eq!(answer, "2", "the writer's own connection");
}
