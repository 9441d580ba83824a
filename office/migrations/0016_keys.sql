-- How each key of the appliance stands: active, suspended or destroyed; and how often it was used.
create table key_standing (
    label text primary key not null,
    state text not null,
    n_uses bigint not null,
    changed_at bigint not null
);

-- Which custodians' quorum a key was made under; the check is the digest of a secret of at least 128 random bits.
create table key_ceremonies (
    label text primary key not null,
    ceremony text not null,
    token text not null,
    n_custodians bigint not null,
    quorum bigint not null,
    secret_check text not null,
    minutes text not null,
    held_at bigint not null
);
