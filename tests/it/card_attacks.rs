//! What an attacker tries with prepared signatures.
