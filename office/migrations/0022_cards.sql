-- The certificate of the signing card in a person's own hand, where he has one. Its key is on no token of ours.
alter table people add column signing_card_sealed bytea;
