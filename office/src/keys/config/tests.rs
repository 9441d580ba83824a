//! What a `[keys]` part may say.

use super::*;

const LEAST: &str = r#"
module = "/usr/lib/one.so"
trust = "trust"
chain = "chain.pem"
organisation = { token = "TEST organisation", key = "organisation", pin_file = "pin", certificate = "c.pem" }
log = { token = "TEST log", key = "log", pin_file = "pin", certificate = "c.pem" }
encryption = { token = "serial:0123abcd", key = "kek-1", pin_file = "pin" }
"#;

fn read_with(more: &str) -> Result<KeysConfig, String> {
    let config: KeysConfig = toml::from_str(&format!("{LEAST}{more}")).map_err(|err| err.to_string())?;
    config.check().map(|()| config)
}

#[test]
fn the_configuration_of_old_reads_as_before() {
    let config = read_with("").unwrap();
    let module = config.module_of(&config.log).unwrap();
    assert_eq!((module.path, module.init_argument), (PathBuf::from("/usr/lib/one.so"), None));
    assert_eq!(config.log.threads.for_pool().n_workers, PoolConfig::default().n_workers);
    let names: Vec<_> = config.tokens().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["organisation", "log", "encryption"]);
    assert_eq!(config.encryption.token, "serial:0123abcd".parse().unwrap());
}

#[test]
fn stand_ins_may_be_in_another_library_and_are_named_in_order() {
    let config = read_with(
        r#"
        [[organisation_stand_ins]]
        module = "other"
        token = "TEST two"
        key = "organisation-b"
        pin_file = "pin"
        certificate = "b.pem"
        quota = 9
        threads = { n_workers = 2, deadline_ms = 700 }
        [[encryption_stand_ins]]
        token = "TEST kek two"
        key = "kek-2"
        pin_file = "pin"
        [modules.other]
        path = "/usr/lib/other.so"
        init_argument = "configdir=/x"
        "#,
    )
    .unwrap();
    let names: Vec<_> = config.tokens().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["organisation", "organisation-2", "log", "encryption", "encryption-2"]);
    let (part, token) = config.token_of_key("organisation-b").unwrap();
    assert_eq!((part.as_str(), token.quota), ("organisation-2", Some(9)));
    assert_eq!(token.threads.for_pool().deadline, Duration::from_millis(700));
    let module = config.module_of(token).unwrap();
    assert_eq!(module.init_argument.as_deref(), Some("configdir=/x"));
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    for (more, says) in [
        ("[members]\nn_workers = 65", "keys.members.n_workers is 65: give 1 to 64"),
        ("[members]\ndeadline_ms = 99", "keys.members.deadline_ms is 99"),
        ("[members]\nn_worker = 1", "unknown field"),
        (
            "[batch]\ntoken = \"t\"\nkey = \"organisation\"\npin_file = \"p\"",
            "keys.batch and keys.organisation name one key label",
        ),
        (
            "[batch]\nmodule = \"none\"\ntoken = \"t\"\nkey = \"b\"\npin_file = \"p\"",
            "keys.batch.module names `none`",
        ),
        ("[batch]\ntoken = \"serial:\"\nkey = \"b\"\npin_file = \"p\"", "serial number"),
    ] {
        let refused = read_with(more).unwrap_err();
        assert!(refused.contains(says), "{refused}");
    }
}
