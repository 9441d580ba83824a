//! The fault-injecting library of `tests/modules/faults`, before `SoftHSM2`, with its plan and journal.

use std::path::PathBuf;

use hsm::{Module, Pool, PoolConfig};

use crate::store::{built, library, pool_of, with_store_and};

const PLAN: &str = "ECABINET_FAULTS_PLAN";
const JOURNAL: &str = "ECABINET_FAULTS_JOURNAL";
pub(crate) const KRYOPTIC_CONF: &str = "KRYOPTIC_CONF";

/// Runs `body` in a process of its own, with an empty store behind a library that can be made to fail.
pub(crate) fn with_faults(name: &str, body: fn()) {
    let target = library();
    let environment = [
        ("ECABINET_FAULTS_TARGET", target.to_str().unwrap()),
        (PLAN, "{}/plan"),
        (JOURNAL, "{}/journal"),
        (KRYOPTIC_CONF, "{}/token.conf"),
    ];
    with_store_and(name, &environment, body);
}

/// Says where Kryoptic's tokens are: in the folder that its configuration is in. To be called before it is loaded.
pub(crate) fn write_kryoptic_conf() {
    let conf = PathBuf::from(std::env::var_os(KRYOPTIC_CONF).unwrap());
    let slots = (0..2).map(|n| {
        let database = conf.with_file_name(format!("{n}.sql"));
        format!("[[slots]]\nslot = {n}\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", database.display())
    });
    std::fs::write(&conf, slots.collect::<String>()).unwrap();
}

/// Kryoptic with empty tokens, which never fail.
pub(crate) fn kryoptic() -> Module {
    write_kryoptic_conf();
    Module::load(&built("ECABINET_KRYOPTIC")).unwrap()
}

pub(crate) fn faulty() -> Module {
    Module::load(&built("ECABINET_FAULTS")).unwrap()
}

/// A token "TEST org" behind the faulty library.
pub(crate) fn faulty_pool(config: PoolConfig) -> (Module, Pool) {
    let module = faulty();
    let pool = pool_of(&module, config);
    (module, pool)
}

/// What goes wrong from now on, counted from here; the journal begins anew.
pub(crate) fn plan(text: &str) {
    // Written aside and moved, so that no call reads half of it.
    let path = std::env::var(PLAN).unwrap();
    let aside = format!("{path}.new");
    std::fs::write(&aside, text).unwrap();
    std::fs::rename(aside, path).unwrap();
    std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(std::env::var(JOURNAL).unwrap())
        .unwrap();
}

/// How many calls of this function the journal tells of; `what` is how their lines go on.
pub(crate) fn n_calls(function: &str, what: &str) -> usize {
    let begins = format!("{function} {what}");
    let journal = std::fs::read_to_string(std::env::var(JOURNAL).unwrap()).unwrap();
    journal.lines().filter(|line| line.starts_with(&begins)).count()
}

/// How many signatures the token has made.
pub(crate) fn n_signed() -> usize {
    n_calls("C_Sign", "forwarded 0x0")
}
