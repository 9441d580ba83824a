//! A bundle: the schema, the policies and their tests, read as text and made into a [`Policy`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cabinet::Digest;
use cedar_policy::{Effect, PolicyId, PolicySet, Schema, ValidationMode, Validator};

use crate::action;
use crate::policy::{Policy, Says};
use crate::vocabulary::Words;

/// Files of a bundle, at most.
const MAX_FILES: usize = 64;
/// The size of one file, at most, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// How many entities deep a policy may look: the attributes of who asks and of what he asks for.
const MAX_LEVEL: u32 = 1;

const SCHEMA: &str = "schema.cedarschema";
const TESTS: &str = "tests.toml";

/// A bundle is not used. The text says where to mend it.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The text at that place is wrong: mend it there.
    #[error("{file}:{line}: {says}")]
    Invalid {
        /// The file's name in the bundle.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        says: String,
    },
    /// A file is missing, unknown or too large: put the folder right.
    #[error("the folder of policies: {0}")]
    Folder(String),
    /// The bundle is for another release: its acts are not those of this build.
    #[error("the schema is not of this release: {0}")]
    OtherRelease(String),
    /// The folder cannot be read: give the service the right to.
    #[error("{path} cannot be read; give the service the right to read it")]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// Why it could not.
        #[source]
        source: io::Error,
    },
}

/// One file of a bundle.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// The error `says`, at the byte `offset` of this file.
    pub(crate) fn invalid(&self, offset: usize, says: impl Into<String>) -> BundleError {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        BundleError::Invalid { file: self.name.clone(), line, says: says.into() }
    }

    fn cedar(&self, err: &(impl miette::Diagnostic + ?Sized)) -> BundleError {
        let help = err.help().map(|help| format!(" ({help})")).unwrap_or_default();
        self.invalid(offset(err).unwrap_or_default(), format!("{err}{help}"))
    }
}

/// The first place that a diagnostic of Cedar points to, in bytes.
fn offset<D: miette::Diagnostic + ?Sized>(err: &D) -> Option<usize> {
    let here = err.labels().and_then(|labels| labels.map(|label| label.offset()).min());
    here.or_else(|| err.related().and_then(|mut related| related.find_map(offset)))
        .or_else(|| err.diagnostic_source().and_then(offset))
}

/// The files of a bundle.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    pub(crate) schema: Source,
    pub(crate) policies: Vec<Source>,
    pub(crate) tests: Source,
}

impl Bundle {
    pub(crate) fn embedded() -> Self {
        Self {
            schema: Source::new(SCHEMA, include_str!("../bundle/schema.cedarschema")),
            policies: vec![
                Source::new("always.cedar", include_str!("../bundle/always.cedar")),
                Source::new("meeting.cedar", include_str!("../bundle/meeting.cedar")),
                Source::new("oversight.cedar", include_str!("../bundle/oversight.cedar")),
                Source::new("resolution.cedar", include_str!("../bundle/resolution.cedar")),
                Source::new("timely.cedar", include_str!("../bundle/timely.cedar")),
                Source::new("vote.cedar", include_str!("../bundle/vote.cedar")),
            ],
            tests: Source::new(TESTS, include_str!("../bundle/tests.toml")),
        }
    }

    /// Reads a folder. A file that is none of ours is refused: it may be a rule that someone believes in.
    pub(crate) fn read(folder: &Path) -> Result<Self, BundleError> {
        let mut sources = BTreeMap::new();
        let unreadable = |path: &Path, source| BundleError::Unreadable { path: path.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(|err| unreadable(folder, err))? {
            let path = entry.map_err(|err| unreadable(folder, err))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let is_ours = name == SCHEMA || name == TESTS || name.ends_with(".cedar");
            if !is_ours {
                return Err(BundleError::Folder(format!("{} is not a file of a bundle", path.display())));
            }
            let n_bytes = fs::metadata(&path).map_err(|err| unreadable(&path, err))?.len();
            if n_bytes > MAX_FILE_BYTES || sources.len() == MAX_FILES {
                return Err(BundleError::Folder(format!(
                    "{name}: at most {MAX_FILES} files of {MAX_FILE_BYTES} bytes"
                )));
            }
            let text = fs::read_to_string(&path).map_err(|err| unreadable(&path, err))?;
            sources.insert(name.clone(), Source { name, text });
        }
        let mut take = |name: &str| {
            sources.remove(name).ok_or_else(|| BundleError::Folder(format!("{name} is missing")))
        };
        let (schema, tests) = (take(SCHEMA)?, take(TESTS)?);
        Ok(Self { schema, tests, policies: sources.into_values().collect() })
    }

    /// The digest of names, lengths and contents, in the order of the names.
    pub(crate) fn digest(&self) -> Digest {
        let mut sources: Vec<_> = self.policies.iter().chain([&self.schema, &self.tests]).collect();
        sources.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut bytes = Vec::new();
        for Source { name, text } in sources {
            bytes.extend_from_slice(format!("{} {} {name}\n", name.len(), text.len()).as_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        Digest::of(&bytes)
    }

    /// Parses and validates; the tests are run by the caller.
    pub(crate) fn compile(&self) -> Result<Policy, BundleError> {
        let schema = self.compile_schema()?;
        let validator = Validator::new(schema.clone());
        let mut policy = Policy {
            schema,
            all: PolicySet::new(),
            who: PolicySet::new(),
            says: BTreeMap::new(),
            words: Words::new().map_err(|err| BundleError::OtherRelease(err.to_string()))?,
            digest: self.digest(),
        };
        for source in &self.policies {
            let set = parse(source, &mut policy)?;
            validate(source, &set, &validator)?;
        }
        Ok(policy)
    }

    fn compile_schema(&self) -> Result<Schema, BundleError> {
        let (schema, mut warnings) =
            Schema::from_cedarschema_str(&self.schema.text).map_err(|err| self.schema.cedar(&err))?;
        if let Some(warning) = warnings.next() {
            return Err(self.schema.cedar(&warning));
        }
        hold_to_acts(&schema)?;
        Ok(schema)
    }
}

/// Every act of this build is in the schema, on its kind of thing, and no other is.
fn hold_to_acts(schema: &Schema) -> Result<(), BundleError> {
    let mut judged = BTreeMap::new();
    for env in schema.request_envs() {
        judged.insert(env.action().id().unescaped().to_owned(), env.resource().to_string());
    }
    for (name, kind) in action::ALL {
        if judged.remove(*name).as_deref() != Some(kind.as_str()) {
            return Err(BundleError::OtherRelease(format!("it must have {name} on {}", kind.as_str())));
        }
    }
    match judged.into_keys().next() {
        None => Ok(()),
        Some(name) => Err(BundleError::OtherRelease(format!("this release has no act {name}"))),
    }
}

/// Parses one file, names its policies by their `@id` and adds them to `policy`.
fn parse(source: &Source, policy: &mut Policy) -> Result<PolicySet, BundleError> {
    let parsed = PolicySet::from_str(&source.text).map_err(|err| source.cedar(&err))?;
    if let Some(template) = parsed.templates().next() {
        let at = source.text.find(&template.to_cedar()).unwrap_or_default();
        return Err(source.invalid(at, "templates are not used here; write the policy out"));
    }
    let mut set = PolicySet::new();
    // In the order of the file: of two with one name, the second is the mistake.
    let place = |found: &cedar_policy::Policy| found.to_cedar().and_then(|text| source.text.find(&text));
    let mut in_order: Vec<_> =
        parsed.policies().map(|found| (place(found).unwrap_or_default(), found)).collect();
    in_order.sort_unstable_by_key(|(at, _)| *at);
    for (at, found) in in_order {
        let Some(id) = found.annotation("id") else {
            return Err(source.invalid(at, "give the policy an @id: decisions are recorded by it"));
        };
        let says = said_by(found).map_err(|says| source.invalid(at, says))?;
        let named = found.new_id(PolicyId::new(id));
        if !matches!(says, Some(Says::Untimely(_))) {
            policy.who.add(named.clone()).map_err(|err| source.invalid(at, err.to_string()))?;
        }
        policy.all.add(named.clone()).map_err(|err| source.invalid(at, err.to_string()))?;
        set.add(named).map_err(|err| source.invalid(at, err.to_string()))?;
        policy.says.extend(says.map(|says| (id.to_owned(), says)));
    }
    Ok(set)
}

/// A `forbid` says its code, by one of two annotations; a `permit` says nothing.
fn said_by(policy: &cedar_policy::Policy) -> Result<Option<Says>, &'static str> {
    if policy.annotations().any(|(key, _)| !matches!(key, "id" | "refused" | "untimely")) {
        return Err("the annotations are @id, @refused and @untimely");
    }
    match (policy.effect(), policy.annotation("refused"), policy.annotation("untimely")) {
        (Effect::Permit, None, None) => Ok(None),
        (Effect::Forbid, Some(code), None) if !code.is_empty() => Ok(Some(Says::Refused(code.to_owned()))),
        (Effect::Forbid, None, Some(code)) if !code.is_empty() => Ok(Some(Says::Untimely(code.to_owned()))),
        (Effect::Permit, ..) => Err("a permit has no code: remove @refused or @untimely"),
        (Effect::Forbid, ..) => Err("a forbid has one code: @refused(\"…\") or @untimely(\"…\")"),
    }
}

/// Strict, and a warning is an error: an impossible policy is one that somebody relies on.
fn validate(source: &Source, set: &PolicySet, validator: &Validator) -> Result<(), BundleError> {
    let result = validator.validate_with_level(set, ValidationMode::Strict, MAX_LEVEL);
    let errors = result.validation_errors().map(|err| (offset(err).unwrap_or_default(), err.to_string()));
    let warnings = result
        .validation_warnings()
        .map(|warning| (offset(warning).unwrap_or_default(), warning.to_string()));
    match errors.chain(warnings).min() {
        None => Ok(()),
        Some((offset, says)) => Err(source.invalid(offset, says)),
    }
}
