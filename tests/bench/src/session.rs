//! A session's papers: every member signs every one with his own token and PIN.

use std::time::Instant;

use anyhow::ensure;
use cabinet::Digest;
use hsm::{PersonalConfig, PersonalTokens, Pin, ToSign, TokenLabel};
use signing::authority::Profile;
use signing::pades::{self, SignRequest};
use signing::validation::validate_pdf;

use crate::report::{Goal, Row};
use crate::signatures::PAPER;
use crate::watch::{Scale, count, shared_out};
use crate::world::{Kind, World};

/// Members' tokens that are open at the same time, and threads that prepare and embed.
const N_AT_ONCE: usize = 4;

struct Member {
    token: TokenLabel,
    /// One for each kind of key.
    requests: Vec<SignRequest>,
}

pub(crate) fn rows(world: &World, scale: Scale) -> anyhow::Result<Vec<Row>> {
    let (n_members, n_papers) = scale.pick((30, 20), (2, 2));
    let tokens =
        world.module.personal(PersonalConfig { n_workers: N_AT_ONCE, ..PersonalConfig::default() })?;
    let (pin, pdf) = (World::pin()?, PAPER.reserved()?);
    let members = (0..n_members)
        .map(|number| member(world, &tokens, &pin, number))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let n = n_members * n_papers;
    let mut rows = Vec::new();
    for (at, kind) in Kind::BOTH.into_iter().enumerate() {
        let (label, scheme) = (kind.label()?, kind.scheme());
        // In the order in which a session signs: one paper by all, then the next.
        let of = |number: usize| &members[number % n_members];
        let (mut whole, mut alone, mut login) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
        for _ in 0..scale.n_runs() {
            whole = whole.min(timed(n, |number| {
                let Member { token, requests } = of(number);
                let prepared = pades::prepare(&pdf, &requests[at])?;
                let raw = tokens.sign(token, &pin, &label, ToSign::Digest(&prepared.digest()), scheme)?;
                let signed = prepared.embed(raw.as_bytes())?;
                if number == 0 {
                    let report = validate_pdf(&signed, Some(&world.trust), world.now)?;
                    ensure!(report.is_passed(), "not passed: {report:?}");
                }
                Ok(())
            })?);
            alone = alone.min(timed(n, |number| {
                let digest = Digest::of(b"TEST");
                tokens.sign(&of(number).token, &pin, &label, ToSign::Digest(&digest), scheme)?;
                Ok(())
            })?);
            login = login.min(timed(n, |number| Ok(tokens.check_pin(&of(number).token, &pin)?))?);
        }
        let name =
            format!("{n_members} members x {n_papers} papers of 137 kB, {}, own token and PIN", kind.name());
        let each = |seconds: f64| Ok::<_, anyhow::Error>(seconds * 1e3 / count(n)?);
        let row = Row::new(name, whole, "s").beside("login, sign, logout alone", alone).limit(format!(
            "the token, {N_AT_ONCE} members at once: {:.2} ms for each login and logout, {:.2} ms with the signature, {:.2} ms with the document",
            each(login)?,
            each(alone)?,
            each(whole)?
        ));
        rows.push(if kind == Kind::P256 { row.goal(Goal::AtMost(5.0)) } else { row });
    }
    Ok(rows)
}

fn member(world: &World, tokens: &PersonalTokens, pin: &Pin, number: usize) -> anyhow::Result<Member> {
    let token: TokenLabel = format!("TEST member {number}").parse()?;
    world.provision(&token)?;
    let requests = Kind::BOTH.into_iter().map(|kind| {
        let key = tokens.generate_key_pair(&token, pin, &kind.label()?, kind.of_token())?;
        let certificate = world.certify(&key, &format!("TEST member {number}"), Profile::Person)?;
        Ok(world.request(&certificate))
    });
    Ok(Member { requests: requests.collect::<anyhow::Result<_>>()?, token })
}

/// How long it takes to do all of it, in seconds.
fn timed(n: usize, once: impl Fn(usize) -> anyhow::Result<()> + Sync) -> anyhow::Result<f64> {
    let began = Instant::now();
    shared_out(n, N_AT_ONCE, once)?;
    Ok(began.elapsed().as_secs_f64())
}
