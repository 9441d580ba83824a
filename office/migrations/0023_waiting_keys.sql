-- A person's new key on a token of his own, from when it is made until its certificate is taken into use.
create table waiting_keys (
    person text primary key not null references people (id),
    token text not null,
    key text not null,
    public_key bytea not null,
    made_at bigint not null
);
