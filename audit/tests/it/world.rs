//! A TEST Government with software keys: one vote, its log and its evidence.

use std::sync::LazyLock;

use audit::acts::{BallotCast, DocumentUploaded, Fact, VoteClosed, VoteOpened};
use audit::bundle::{BallotPart, Blob, EntryPart, Parts, ResolutionPart};
use audit::{Act, Bundle, Checkpoint, Entry, LogExport, LogKey, SignedCheckpoint, Stamp, Tree};
use cabinet::roll::{Roll, RollMember};
use cabinet::rules::RuleSet;
use cabinet::statement::{BallotStatement, Nonce, PaperDigest, VOTE_TYPE, VoteStatement};
use cabinet::vote::{Cast, Choice, Closed, Open, Outcome};
use cabinet::{Digest, Id, Timestamp, canonical};
use ed25519_dalek::{Signer as _, SigningKey};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use signing::authority::{Authority, Profile, Subject, Validity};
use signing::{Certificate, TrustStore, cades};

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_780_823_131_000_000);
pub(crate) const ORIGIN: &str = "cabinet.example.vn/log";

/// A key in software and the certificates to it, its own first.
pub(crate) struct Holder<K> {
    pub(crate) key: K,
    pub(crate) chain: Vec<Certificate>,
}

/// The TEST authority and everybody whom it certified.
pub(crate) struct Pki {
    pub(crate) root: Authority,
    pub(crate) members: Vec<Holder<PKey<Private>>>,
    pub(crate) organisation: Holder<PKey<Private>>,
    pub(crate) log: Holder<SigningKey>,
    pub(crate) other_log: Holder<SigningKey>,
}

pub(crate) static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let root = Authority::create_root("TEST root", NOW).unwrap();
    let sub = root.create_sub("TEST sub", NOW).unwrap();
    let holder = |name: &str, serial, profile| {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let chain = certify(&sub, &key.public_key_to_der().unwrap(), name, serial, profile);
        Holder { key, chain }
    };
    let log = |seed, name: &str| {
        let key = SigningKey::from_bytes(&[seed; 32]);
        Holder { chain: certify(&sub, &spki(&key), name, u64::from(seed), Profile::Log), key }
    };
    Pki {
        members: (0..4)
            .map(|n| holder(&format!("THÀNH VIÊN {n} (TEST)"), 100 + n, Profile::Person))
            .collect(),
        organisation: holder("VĂN PHÒNG THỬ NGHIỆM (TEST)", 200, Profile::Organisation),
        log: log(1, "TEST LOG 1"),
        other_log: log(2, "TEST LOG 2"),
        root,
    }
});

pub(crate) fn spki(key: &SigningKey) -> Vec<u8> {
    let prefix = hex::decode("302a300506032b6570032100").unwrap();
    [prefix.as_slice(), key.verifying_key().as_bytes()].concat()
}

pub(crate) fn certify(
    by: &Authority,
    spki: &[u8],
    name: &str,
    serial: u64,
    profile: Profile,
) -> Vec<Certificate> {
    let own =
        by.issue_signer(spki, &Subject::named(name), serial, Validity::days(NOW, 365), profile).unwrap();
    vec![own, by.certificate().clone()]
}

pub(crate) fn trust() -> TrustStore {
    TrustStore::new(vec![PKI.root.certificate().clone()])
}

pub(crate) fn id<K>(n: u32) -> Id<K> {
    format!("00000000-0000-7000-8000-0000{n:08x}").parse().unwrap()
}

/// Signs as a token would: r‖s over SHA-256 of `message`.
pub(crate) fn sign_raw(key: &PKey<Private>, message: &[u8]) -> Vec<u8> {
    let digest = Digest::of(message);
    let signature = EcdsaSig::sign(digest.as_bytes(), &key.ec_key().unwrap()).unwrap();
    [signature.r().to_vec_padded(32).unwrap(), signature.s().to_vec_padded(32).unwrap()].concat()
}

/// A vote as it happened, in parts that a test may change before they are sealed.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) frozen: VoteStatement,
    pub(crate) log: Vec<Entry>,
    /// Entries of the log that are left out of the bundle.
    pub(crate) hidden: Vec<usize>,
    pub(crate) ballots: Vec<BallotPart>,
    pub(crate) casts: Vec<(BallotCast, Choice)>,
    pub(crate) outcome: Outcome,
    pub(crate) resolution: Option<ResolutionPart>,
}

impl World {
    /// A vote that `n_members` may take part in and nobody has cast a ballot in.
    pub(crate) fn opened(n_members: u32) -> Self {
        Self::opened_with(n_members, None)
    }

    /// The same; of `card`, the first is a member and the second the holder of his card.
    pub(crate) fn opened_with(n_members: u32, card: Option<(u32, usize)>) -> Self {
        let card_of = |n| {
            let (_, holder) = card.filter(|(member, _)| *member == n)?;
            Some(PKI.members[holder].chain[0].fingerprint())
        };
        let members = (0..n_members).zip(&PKI.members).map(|(n, holder)| RollMember {
            card: card_of(n),
            certificate: holder.chain[0].fingerprint(),
            id: id(n),
            name: format!("Thành viên {n} (TEST)"),
            position: "Bộ trưởng".to_owned(),
        });
        let paper =
            PaperDigest { digest: Digest::of(b"paper"), id: id(20), title: "Tờ trình (TEST)".to_owned() };
        let rules =
            RuleSet::parse(include_str!("../../../cabinet/rules/government-2026-05-29.json")).unwrap();
        let frozen = VoteStatement {
            at: NOW.iso_vietnam(),
            chair: id(0),
            documents: vec![paper],
            item: id(21),
            meeting: id(22),
            meeting_title: "Phiên họp (TEST)".to_owned(),
            question: "Thông qua dự thảo Nghị quyết (TEST)?".to_owned(),
            roll: Roll::freeze(members.collect(), id(0)).unwrap(),
            rules,
            type_: VOTE_TYPE.to_owned(),
            vote: id(23),
        };
        let outcome = Closed::new(frozen.clone()).outcome([]);
        let mut world = Self {
            frozen,
            log: Vec::new(),
            hidden: Vec::new(),
            ballots: Vec::new(),
            casts: Vec::new(),
            outcome,
            resolution: None,
        };
        world.log_act(Act::ApplianceStarted);
        let uploaded = DocumentUploaded {
            digest: Digest::of(b"paper"),
            document: id(20),
            item: id(21),
            meeting: id(22),
        };
        world.state(&uploaded);
        world.state(&VoteOpened::of(&world.frozen.clone()));
        world
    }

    /// Three members: one replaces his ballot, one disagrees; then the vote is closed.
    pub(crate) fn voted() -> Self {
        let mut world = Self::opened(3);
        world.cast(0, Choice::Agree);
        world.cast(1, Choice::Disagree);
        world.cast(2, Choice::Disagree);
        world.cast(1, Choice::Agree);
        world.close();
        world.log_act(Act::EvidenceExported);
        world
    }

    /// One member, one ballot: the smallest evidence.
    pub(crate) fn small() -> Self {
        let mut world = Self::opened(1);
        world.cast(0, Choice::Agree);
        world.close();
        world
    }

    fn stamp(&self) -> Stamp {
        let n = u32::try_from(self.log.len()).unwrap();
        Stamp { actor: Some(id(0)), at: NOW.plus_seconds(i64::from(n)), id: id(1_000 + n) }
    }

    pub(crate) fn state(&mut self, fact: &impl Fact) {
        self.log.push(fact.entry(self.stamp()).unwrap());
    }

    pub(crate) fn log_act(&mut self, act: Act) {
        let nothing: [(&str, String); 0] = [];
        self.log.push(Entry::new(self.stamp(), act, nothing).unwrap());
    }

    /// The statement that `member` would sign now.
    pub(crate) fn statement(&self, member: u32, choice: Choice) -> BallotStatement {
        let n_cast = self.casts.iter().filter(|(cast, _)| cast.member == id(member)).count();
        let n_cast = u32::try_from(n_cast).unwrap();
        let nonce = Nonce::from_random([u8::try_from(self.casts.len()).unwrap(); 16]);
        Open::new(self.frozen.clone()).ballot(id(member), choice, None, n_cast, nonce, NOW).unwrap()
    }

    pub(crate) fn cast(&mut self, member: u32, choice: Choice) {
        let statement = self.statement(member, choice);
        self.cast_as(&statement, usize::try_from(member).unwrap());
    }

    /// Casts `statement` with the key of member `signer`, whatever it says.
    pub(crate) fn cast_as(&mut self, statement: &BallotStatement, signer: usize) {
        let holder = &PKI.members[signer];
        let text = statement.encode();
        let prepared = cades::prepare(&Digest::of(&text), &holder.chain[0], &holder.chain[1..], NOW).unwrap();
        let raw = sign_raw(&holder.key, prepared.signed_attributes());
        let cms = prepared.embed(&raw).unwrap();
        let n = u32::try_from(self.casts.len()).unwrap();
        let cast = BallotCast {
            ballot: id(500 + n),
            member: statement.member,
            signature: Digest::of(&cms),
            statement: Digest::of(&text),
            version: statement.version,
            vote: statement.vote,
        };
        let entry = self.stamp().id;
        self.state(&cast);
        self.casts.push((cast, statement.choice));
        self.ballots.push(BallotPart { cms: Blob(cms), entry, statement: String::from_utf8(text).unwrap() });
    }

    pub(crate) fn close(&mut self) {
        let casts = self.casts.iter().map(|(cast, choice)| Cast {
            choice: *choice,
            member: cast.member,
            version: cast.version,
        });
        self.outcome = Closed::new(self.frozen.clone()).outcome(casts);
        let casts: Vec<_> = self.casts.iter().map(|(cast, _)| *cast).collect();
        self.state(&VoteClosed::of(self.frozen.vote, &casts, &self.outcome));
    }

    /// The place of the one entry about `act`, or of its `n`th.
    pub(crate) fn place(&self, act: Act, n: usize) -> usize {
        let mut places =
            self.log.iter().enumerate().filter(|(_, entry)| entry.act() == act).map(|(place, _)| place);
        places.nth(n).unwrap()
    }

    pub(crate) fn tree(&self) -> Tree {
        self.log.iter().map(Entry::leaf_hash).collect()
    }

    pub(crate) fn checkpoint(&self, by: &Holder<SigningKey>) -> SignedCheckpoint {
        let tree = self.tree();
        let checkpoint = Checkpoint::new(ORIGIN, tree.size(), tree.root()).unwrap();
        let signature = by.key.sign(checkpoint.text().as_bytes()).to_bytes();
        SignedCheckpoint::embed(checkpoint, &LogKey::of_certificate(&by.chain[0]).unwrap(), &signature)
            .unwrap()
    }

    pub(crate) fn parts(&self) -> Parts {
        let tree = self.tree();
        let shown = self.log.iter().enumerate().filter(|(place, _)| !self.hidden.contains(place));
        let entries = shown.map(|(place, entry)| {
            let index = u64::try_from(place).unwrap();
            EntryPart::prove(String::from_utf8(entry.bytes()).unwrap(), index, &tree, tree.size()).unwrap()
        });
        Parts {
            ballots: self.ballots.clone(),
            certificates: PKI.log.chain.clone(),
            checkpoint: self.checkpoint(&PKI.log),
            entries: entries.collect(),
            made_at: NOW.plus_seconds(3_600),
            outcome: self.outcome.clone(),
            resolution: self.resolution.clone(),
            vote: self.frozen.clone(),
        }
    }

    /// The bundle, sealed by the log key.
    pub(crate) fn bundle(&self) -> Vec<u8> {
        seal(self.parts(), &PKI.log)
    }

    pub(crate) fn export(&self) -> LogExport {
        let texts = self.log.iter().map(|entry| String::from_utf8(entry.bytes()).unwrap()).collect();
        LogExport::new(&self.checkpoint(&PKI.log), &PKI.log.chain, texts)
    }
}

pub(crate) fn seal(parts: Parts, by: &Holder<SigningKey>) -> Vec<u8> {
    let prepared = Bundle::prepare(parts);
    let raw = by.key.sign(&prepared.to_sign()).to_bytes();
    prepared.embed(&raw).unwrap().encode()
}

/// Reads a value again after its JSON text was changed: for forgeries that the types do not allow.
pub(crate) fn rewritten<T: serde::Serialize + serde::de::DeserializeOwned>(
    value: &T,
    from: &str,
    to: &str,
) -> T {
    let text = String::from_utf8(canonical::to_bytes(value)).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    serde_json::from_str(&text.replace(from, to)).unwrap()
}
