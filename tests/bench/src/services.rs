//! Time-stamps a second from the appliance itself: over HTTP, through its listener, token, clock watch and log.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use cabinet::Digest;
use signing::timestamp::{Request, verify_response};
use signing::{Hash, Imprint};

use crate::report::{Goal, Row};
use crate::watch::{Scale, cpu_s_of, rate};
use crate::world::World;

/// Connections that are kept open, and threads that use them.
const N_CONNECTIONS: usize = 8;
/// Longest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Not in a quick bench: the demonstration takes a while to make its tokens.
pub(crate) fn rows(world: &World, scale: Scale) -> anyhow::Result<Vec<Row>> {
    if scale == Scale::Quick {
        return Ok(Vec::new());
    }
    let house = House::start(&world.at("demo"))?;
    let request = Request::new(Imprint::parse(Hash::Sha256, Digest::of(b"TEST").as_bytes())?, [9; 16]);
    let query = request.to_der();
    let first = Connection::open(&house.services)?.ask(&query)?;
    verify_response(&request, &first, &[]).map_err(|err| anyhow::anyhow!("no time-stamp: {err}"))?;
    let idle = Mutex::new(Vec::new());
    for _ in 0..N_CONNECTIONS {
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(Connection::open(&house.services)?);
    }
    let once = || {
        let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = taken.context("a connection for each thread")?;
        let answer = connection.ask(&query)?;
        // Granted, with a token behind it; whole ones are verified before and after.
        ensure!(answer.len() > 500, "no time-stamp");
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(())
    };
    let before_s = cpu_s_of(house.process.id())?;
    let began = std::time::Instant::now();
    let ours = rate(scale, N_CONNECTIONS, &once)?;
    let cores = (cpu_s_of(house.process.id())? - before_s) / began.elapsed().as_secs_f64();
    let last = Connection::open(&house.services)?.ask(&query)?;
    verify_response(&request, &last, &[]).map_err(|err| anyhow::anyhow!("no time-stamp: {err}"))?;
    Ok(vec![
        Row::new("time-stamps over HTTP, P-256, 8 connections kept open", ours.per_second, "1/s")
            .goal(Goal::AtLeast(1500.0))
            .limit(format!(
                "`ecabinet demo` by its own listener, each stamp logged by its digest; the client shares the processors and takes {:.3} ms for each, the appliance with its software token had {cores:.2} cores",
                ours.cpu_ms
            )),
    ])
}

/// A running demonstration.
struct House {
    process: Child,
    /// Host and port of its trust services.
    services: String,
}

impl House {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("ecabinet");
        ensure!(program.exists(), "{} is not built: make bench builds it", program.display());
        let mut process = Command::new(program)
            .args(["demo", "--bench", "--listen", "127.0.0.1:0", "--dir"])
            .arg(folder)
            // The demonstration has a token store of its own.
            .env_remove("SOFTHSM2_CONF")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().context("standard output")?;
        let is_ready = BufReader::new(output).lines().map_while(Result::ok).any(|line| line == "ready");
        let mut house = Self { process, services: String::new() };
        ensure!(is_ready, "the demonstration did not come up");
        let addresses: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("addresses.json"))?)?;
        let services = addresses["services"].as_str().context("services")?;
        house.services = services.trim_start_matches("http://").replace("localhost", "127.0.0.1");
        Ok(house)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Nothing in its folder is worth an orderly end: the folder goes too.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// HTTP/1.1, one question after the other.
struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    fn open(host: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: host.to_owned() })
    }

    fn ask(&mut self, query: &[u8]) -> anyhow::Result<Vec<u8>> {
        let head = format!(
            "POST /tsa HTTP/1.1\r\nHost: {}\r\nContent-Type: application/timestamp-query\r\nContent-Length: {}\r\n\r\n",
            self.host,
            query.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), query].concat())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        ensure!(line.contains(" 200 "), "{line}");
        let mut len = 0;
        while line.trim() != "" {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                len = value.trim().parse()?;
            }
            line.clear();
            self.stream.read_line(&mut line)?;
        }
        ensure!(len <= MAX_ANSWER_BYTES, "an answer of {len} bytes");
        let mut answer = vec![0; len];
        self.stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}
