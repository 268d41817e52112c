# Two commands: `make run` and `make test`. Each sets up what is missing first.
.PHONY: run test sim bench lint fmt e2e pictures build release setup

SHELL := /usr/bin/env bash

run: ## build and serve with the sandbox, SQLite and no account anywhere (PROD=1: a release build)
	@.dev/setup run
	@PROD=$(PROD) .dev/run

test: ## every check and test: formatting, lints, unit, integration (SQLite and PostgreSQL), browser
	@.dev/setup test
	@.dev/test

sim: ## the simulation: SEEDS=n histories from seed FROM=k on DB=sqlite|postgres; a failing seed prints its history
	@.dev/setup test
	@SEEDS=$(SEEDS) FROM=$(FROM) DB=$(DB) .dev/test sim

lint: ## formatting, clippy, dependencies, documents
	@.dev/setup test
	@.dev/test lint

e2e: ## the browser and SDK tests alone
	@.dev/setup test
	@.dev/test e2e

bench: ## the load figures, optimised, on SQLite and PostgreSQL (BENCH_CUSTOMERS, BENCH_EVENTS, BENCH_RATE, BENCH_STRIPE_MS)
	@.dev/setup test
	@.dev/bench

pictures: ## every page and every state of the dashboard, phone and desk, light and dark, into target/pictures (GROUPS="states desk")
	@.dev/setup test
	@.dev/build dev
	@. .dev/env && cd end2end && node --import tsx tests/support/screenshots.ts ../target/pictures $(GROUPS)

fmt: ## format the code
	@. .dev/env && cargo fmt --all

build: ## site and programs, development profile
	@.dev/setup run
	@.dev/build dev

release: ## site and programs, optimised
	@.dev/setup run
	@.dev/build release

setup:
	@.dev/setup test
