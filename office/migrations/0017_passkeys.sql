-- Passkeys, and what they unlock. Ids, counters, flags and states in clear; names, public keys and wraps sealed.

-- A credential belongs to one account: its digest is unique.
create table passkeys (
    id text primary key not null,
    person text not null references people (id),
    credential_digest text not null unique,
    name_sealed bytea not null,
    credential_sealed bytea not null,
    salt_sealed bytea not null,
    backup_eligible bigint not null,
    backup_state bigint not null,
    counter bigint not null,
    added_at bigint not null,
    used_at bigint
);
create index passkeys_by_person on passkeys (person);

-- The long PIN of the person's token, wrapped in his browser under a key that only this passkey gives.
create table pin_wraps (
    passkey text primary key not null references passkeys (id),
    person text not null references people (id),
    wrap_sealed bytea not null,
    at bigint not null
);

-- What unlocks a person's key where it is not a PIN that he knows: `passkey`; `to-passkey` and `to-pin` while the
-- token's PIN is being changed, and for as long as nobody knows whether it was.
create table unlocks (
    person text primary key not null references people (id),
    state text not null,
    changed_at bigint not null
);

-- What a person confirmed with a passkey before his key signed: the whole assertion, so that it can be verified again.
create table confirmations (
    id text primary key not null,
    person text not null references people (id),
    passkey text not null,
    digest text not null,
    assertion_sealed bytea not null,
    at bigint not null
);
create index confirmations_by_digest on confirmations (digest);
