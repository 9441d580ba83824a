-- The house's tables, in the subset that SQLite and PostgreSQL both speak.
-- Times are microseconds UTC in bigint; ids are UUIDs in text; *_sealed columns hold archive::column values.

-- One row per thing that may be written to: its version is what a permit was judged on.
create table resources (
    id text primary key not null,
    kind text not null,
    version bigint not null
);

create table settings (
    name text primary key not null,
    value bytea not null
);

create table people (
    id text primary key not null,
    username text not null unique,
    name_sealed bytea not null,
    position_sealed bytea not null,
    unit_sealed bytea not null,
    roles text not null,
    assists text,
    epoch bigint not null,
    password_sealed bytea not null,
    totp_sealed bytea not null,
    totp_last_step bigint not null,
    token_label text,
    key_label text,
    certificate_sealed bytea,
    card_certificate text,
    pin_failed bigint not null,
    pin_locked_until bigint not null,
    rank bigint not null
);

create table sessions (
    id text primary key not null,
    token_hash bytea not null unique,
    person text not null references people (id),
    stage text not null,
    factors text not null,
    epoch bigint not null,
    created_at bigint not null,
    seen_at bigint not null,
    expires_at bigint not null
);

create table meetings (
    id text primary key not null,
    kind text not null,
    state text not null,
    starts_at bigint not null,
    title_sealed bytea not null,
    place_sealed bytea not null,
    chair text not null references people (id),
    secretary text not null references people (id),
    created_at bigint not null
);

create table participants (
    meeting text not null references meetings (id),
    person text not null references people (id),
    capacity text not null,
    substitute_for text,
    rank bigint not null,
    attendance text not null,
    primary key (meeting, person)
);

create table guest_items (
    meeting text not null references meetings (id),
    person text not null references people (id),
    item text not null,
    primary key (meeting, person, item)
);

create table items (
    id text primary key not null,
    meeting text not null references meetings (id),
    number bigint not null,
    title_sealed bytea not null,
    presenter_sealed bytea not null,
    created_at bigint not null,
    unique (meeting, number)
);

-- A sealed object and its data key, wrapped in the token.
create table blobs (
    id text primary key not null,
    purpose text not null,
    data_key text not null,
    wrapped bytea not null,
    kek text not null,
    sealed_len bigint not null
);

-- A document is one version of one paper: a blob with the paper and a blob with its words.
create table documents (
    id text primary key not null,
    meeting text not null references meetings (id),
    item text,
    resolution text,
    kind text not null,
    title_sealed bytea not null,
    n_pages bigint not null,
    size_bytes bigint not null,
    digest text not null,
    paper_blob text not null references blobs (id),
    words_blob text not null references blobs (id),
    uploaded_by text not null references people (id),
    uploaded_at bigint not null
);
create index documents_by_meeting on documents (meeting);

-- Objects being written: start-up may remove these, and only these.
create table staged (
    blob text primary key not null,
    at bigint not null
);

create table votes (
    id text primary key not null,
    meeting text not null references meetings (id),
    item text not null unique references items (id),
    state text not null,
    statement_sealed bytea not null,
    outcome_sealed bytea,
    opened_at bigint not null,
    closed_at bigint
);

-- Every version is kept; nothing here is readable before the vote is closed, or after, without the column key.
create table ballots (
    id text primary key not null,
    vote text not null references votes (id),
    member text not null references people (id),
    version bigint not null,
    statement_sealed bytea not null,
    signature_sealed bytea not null,
    entry text not null,
    cast_at bigint not null,
    unique (vote, member, version)
);

-- Signing intentions that have not come to an end: start-up closes them with an entry.
create table intentions (
    id text primary key not null,
    act text not null,
    subject text not null,
    actor text not null,
    digest text not null,
    at bigint not null
);

create table resolutions (
    id text primary key not null,
    vote text not null unique references votes (id),
    meeting text not null references meetings (id),
    item text not null references items (id),
    state text not null,
    title_sealed bytea not null,
    document text not null,
    signed_document text,
    anchors_sealed bytea not null,
    signer text not null references people (id),
    signed_at bigint,
    year bigint,
    number bigint,
    symbol text not null,
    sealed_at bigint,
    unique (year, symbol, number)
);

-- The register of numbers: one row per year and series, its last number. A number is taken in the act's own transaction.
create table register (
    year bigint not null,
    series text not null,
    last bigint not null,
    primary key (year, series)
);

create table idempotency (
    person text not null,
    token text not null,
    operation text not null,
    request text not null,
    status bigint not null,
    answer_sealed bytea not null,
    at bigint not null,
    primary key (person, token)
);

create table events (
    meeting text not null references meetings (id),
    seq bigint not null,
    kind text not null,
    body text not null,
    primary key (meeting, seq)
);

-- The log. `idx` is given by the sequencer, never changed afterwards.
create table entries (
    id text primary key not null,
    at bigint not null unique,
    act text not null,
    bytes bytea not null,
    leaf bytea not null,
    idx bigint unique
);

create table checkpoints (
    size bigint primary key not null,
    note text not null,
    at bigint not null
);
