-- Sealed Resolutions with their proofs renewed: each copy begins with the one before, bit for bit.
create table archive_copies (
    id text primary key not null,
    resolution text not null references resolutions (id),
    paper_blob text not null references blobs (id),
    digest text not null,
    renewed text not null,
    proofs_end bigint not null,
    at bigint not null
);
create index archive_copies_by_resolution on archive_copies (resolution, at);
