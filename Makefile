# `make demo` and `make test` are all that a new user needs; both set the machine up first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
SEEDS ?= 2000
FIRST_SEED ?= $(shell date +%s)
SECONDS ?= 600
SEED ?=
STEP ?= 1
FLAGS ?=
RELEASE := .build/release/quorate

MUTANTS := .build/mutants

.PHONY: help setup build demo test scripts every-byte chaos lasting figures install verify fix bench micro \
  swarm mutants explore compare docs sanitize clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building and testing need (apt, as root)
	@Scripts/setup

build: setup
	Scripts/build quorate

demo: build ## Three members: write, read, cut, heal, and what happened
	@QUORATE=$(RELEASE) Scripts/demo

# Tests with sockets and deadlines run one at a time, after those that only compute: they must not
# lose a race against another test's processor time, or a free port to it.
SOCKETS := RPCTests|QuorateClientTests|TransportTests|ServerTests

test: scripts build ## Every test: units, suites, seeds, real processes
	swift build --build-tests
	swift test --skip-build --disable-xctest --skip 'EndToEndTests|$(SOCKETS)'
	swift test --skip-build --disable-xctest --no-parallel --filter '$(SOCKETS)'
	QUORATE=$(abspath $(RELEASE)) \
	  swift test --skip-build --disable-xctest --no-parallel --filter EndToEndTests

scripts: setup ## The scripts' own tests; and every mutant has its place
	PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover -s Scripts -t Scripts

every-byte: setup ## Flip each byte (STEP=n: each n-th) of a small store: noticed, or harmless
	QUORATE_EVERY_BYTE=$(STEP) swift test -c release -Xswiftc -enable-testing --disable-xctest \
	  --scratch-path .build/every-byte --filter 'of any byte'

chaos: build ## SECONDS=… of kills, pauses, cuts and bad disks under load; SEED=… repeats
	QUORATE=$(abspath $(RELEASE)) QUORATE_CHAOS_SECONDS=$(SECONDS) QUORATE_CHAOS_SEED=$(SEED) \
	  swift test --disable-xctest --no-parallel --filter 'Killed processes'

CELLS ?=
LASTING_SECONDS ?= 15

lasting: build ## One lasting fault at a time, on real processes; CELLS=hung/3 for some
	QUORATE=$(abspath $(RELEASE)) QUORATE_LASTING=$(CELLS) \
	  QUORATE_LASTING_SECONDS=$(LASTING_SECONDS) \
	  swift test --disable-xctest --no-parallel --filter 'Lasting faults'

figures: build ## Failover, restart, memory, catch-up: measured on a quiet machine
	QUORATE=$(abspath $(RELEASE)) QUORATE_FIGURES=1 \
	  swift test --disable-xctest --no-parallel --filter Figures

install: build ## Install the executable and its shell completions under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 0755 $(RELEASE) $(DESTDIR)$(PREFIX)/bin/quorate
	$(RELEASE) completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/quorate

verify: setup ## Layout and generated code; changes nothing
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	Scripts/generate-protos --check

sanitize: setup ## The suite under the thread and the address sanitizer
	for kind in thread address; do \
	  export TSAN_OPTIONS='halt_on_error=1 suppressions=$(abspath Scripts/thread-sanitizer.suppressions)'; \
	  export ASAN_OPTIONS='detect_leaks=0 suppressions=$(abspath Scripts/address-sanitizer.suppressions)'; \
	  swift test --disable-xctest --sanitize=$$kind --scratch-path .build/$$kind --no-parallel \
	    --skip Figures || exit 1; \
	done

fix: ## Lay the sources out
	swift format --in-place --recursive --parallel Package.swift Sources Tests

bench: build ## Beside etcd, alternating; ROWS=put100,get100 for some (Docs/Performance.md)
	Scripts/bench --write

micro: setup ## What one operation of each part costs: FLAGS='--filter store --beside OLD'
	Scripts/build micro
	.build/release/micro $(FLAGS)

swarm: build ## SEEDS=… FIRST_SEED=… random simulated clusters; power losses; requests
	$(RELEASE) simulate --first-seed $(FIRST_SEED) --seeds $(SEEDS)
	$(RELEASE) simulate --first-seed $(FIRST_SEED) --seeds 1000 --power-loss --least-cuts 20
	$(RELEASE) simulate --first-seed $(FIRST_SEED) --requests 1000000

# A copy of the package with every mutant in it, and what tests it. Preconditions say what they
# have found, which a release build leaves to the debugger.
MUTATION_TEST := Scripts/plant $(MUTANTS) && swift build --package-path $(MUTANTS) -c release \
  --product mutation-test -Xswiftc -assert-config -Xswiftc Debug

# The unit suites run as the debug build has them; what `mutation-test` plays is a release.
mutants: setup ## Break one rule at a time and show who notices
	$(MUTATION_TEST)
	swift build --package-path $(MUTANTS) --build-tests
	$(MUTANTS)/.build/release/mutation-test --tests $(MUTANTS)/.build/debug/quoratePackageTests.xctest \
	  --write Docs/Simulation.md
	QUORATE_MUTANTS=$(abspath $(MUTANTS)/.build/debug/quorate) \
	  $(MUTANTS)/.build/debug/quoratePackageTests.xctest --testing-library swift-testing \
	  --filter MutationTestingTests

explore: build ## Every state of small clusters; then famous mistakes, planted
	$(RELEASE) explore --quiet
	$(MUTATION_TEST)
	$(MUTANTS)/.build/release/mutation-test explore

DOCUMENTATION := .build/documentation

docs: setup ## The client library's pages, into .build/documentation (Swift's docc)
	mkdir -p .build/graphs/all .build/graphs/client
	swift build --target QuorateClient --scratch-path .build/symbols -Xswiftc -emit-symbol-graph \
	  -Xswiftc -emit-symbol-graph-dir -Xswiftc $(abspath .build/graphs/all)
	cp .build/graphs/all/QuorateClient.symbols.json .build/graphs/client
	docc convert Sources/QuorateClient/QuorateClient.docc --output-path $(DOCUMENTATION) \
	  --fallback-display-name QuorateClient --fallback-bundle-identifier quorate.client \
	  --additional-symbol-graph-dir .build/graphs/client --warnings-as-errors

compare: build ## The same generated requests, watches and locks to etcd and to Quorate
	Scripts/compare --watches 1000
	Scripts/compare --leases --requests 3000
	Scripts/compare --members 1500 --requests 10
	Scripts/compare --requests 0 --maintenance 4000
	Scripts/compare --requests 0 --contests 2000

clean:
	rm -rf .build
