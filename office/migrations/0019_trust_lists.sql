-- Trust lists that were in force, by their publisher's numbers: an older one is refused.
create table trust_lists (
    sequence bigint primary key not null,
    digest text not null,
    adopted_at bigint not null
);
