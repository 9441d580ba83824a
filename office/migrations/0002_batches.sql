-- Lists of documents that one authorisation has signed: exactly these, each once.
create table batches (
    id text primary key not null,
    person text not null references people (id),
    key_label text not null,
    level text not null,
    authorised_at bigint not null,
    expires_at bigint not null
);

create table batch_documents (
    batch text not null references batches (id),
    number bigint not null,
    name_sealed bytea not null,
    digest text not null,
    state text not null,
    why text,
    signed_digest text,
    done_at bigint,
    primary key (batch, number)
);
