# What people run. `make run` and `make test` install what is missing; nothing else is needed but Rust, Node and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO_TARGET_DIR ?= $(HOME)/.cache/ecabinet/target
export CARGO_TARGET_DIR
RUN_ARGS ?=
BENCH_ARGS ?=

.PHONY: run build test lint bench fuzz install install-test web clean

run: build
	exec bin/ecabinet demo $(RUN_ARGS)

build: install web
	cargo build --release --locked -p gateway -p audit --bins
	mkdir -p bin
	ln -sfn "$(CARGO_TARGET_DIR)/release/ecabinet" bin/ecabinet
	ln -sfn "$(CARGO_TARGET_DIR)/release/ecabinet-audit" bin/ecabinet-audit

install:
	tests/scripts/install run

install-test:
	tests/scripts/install test

web: web/node_modules/.package-lock.json
	cd web && npm run --silent build

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund

lint: web
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

test: install-test web
	tests/scripts/test

bench: install-test web
	tests/scripts/pyhanko
	cargo build --release --locked -p bench -p gateway --bins
	"$(CARGO_TARGET_DIR)/release/bench" --out target/bench $(BENCH_ARGS)

# Each target for FUZZ_S seconds; `make test` replays what was found before.
fuzz:
	tests/scripts/fuzz

clean:
	rm -rf web/dist web/node_modules bin var
