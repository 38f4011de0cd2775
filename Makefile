# Three tiers of proof:
#   make check   seconds: format, lint, race tests of what is touched most; for every edit
#   make test    everything that continuous integration runs, from a clean clone
#   make prove   fuzzing, repetition, long chaos; writes tests/reports
# Everything else is a part of these. Nothing here needs root.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go

# These are written to, or removed: no command line may point them elsewhere.
override ROOT     := $(CURDIR)
override BIN      := $(ROOT)/bin
override COVERAGE := $(ROOT)/coverage
override LINT     := $(BIN)/golangci-lint

# What the coverage gate is about; nothing of it is excluded.
COVERED  := ./cmd/...,./actors/...,./messages/...,./transport/...,./config/...
MINIMUM  := 85

FUZZTIME ?= 10m
COUNT    ?= 3
PARTS    ?= fuzz random race isolation conformance

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

## ---- what is needed

.PHONY: deps
deps: deps-go deps-npm deps-tools deps-browser ## bring what the tests need; does nothing the second time

.PHONY: deps-go
deps-go:
	@$(GO) mod download

# Servers and clients by others, and the Node that runs them. The lock file
# decides; npm's own stamp says what is installed.
.PHONY: deps-npm
deps-npm: tests/npm/node_modules/.package-lock.json
tests/npm/node_modules/.package-lock.json: tests/npm/package-lock.json tests/npm/package.json
	@command -v npm >/dev/null || { echo >&2 'npm is missing; on Debian: apt-get install -y npm'; exit 1; }
	@cd tests/npm && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The browser that opens the documentation pages. Debian's, since a test tool's
# own download is nobody's package.
.PHONY: deps-browser
deps-browser:
	@command -v chromium >/dev/null || { \
		if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
			echo 'installing chromium (once)'; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
		else \
			echo >&2 'chromium is missing; on Debian: apt-get install -y chromium'; exit 1; \
		fi; }

.PHONY: deps-tools
deps-tools: $(LINT) $(BIN)/everything-server $(BIN)/everything-client $(BIN)/tokens

$(LINT): tests/tools/go.mod tests/tools/go.sum
	@echo 'building golangci-lint (once)'
	@$(GO) build -C tests/tools -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

# The protocol's own test server and client, written by others.
$(BIN)/everything-server $(BIN)/everything-client: $(BIN)/%: tests/tools/everything/go.mod tests/tools/everything/go.sum
	@$(GO) build -C tests/tools/everything -tags mcp_go_client_oauth -o $@ \
		github.com/modelcontextprotocol/go-sdk/conformance/$*
	@touch $@

# Counts tokens; a module of its own, for its tables weigh 12 MB.
$(BIN)/tokens: tests/tools/tokens/main.go tests/tools/tokens/go.mod tests/tools/tokens/go.sum
	@$(GO) build -C tests/tools/tokens -o $@ .

## ---- the program

# Without cgo: one file that needs no loader, which would cost each guard, and
# each start, a millisecond.
.PHONY: build
build: ## bin/mcpx
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/mcpx ./cmd/mcpx

.PHONY: e2e-binary
e2e-binary: ## bin/mcpx with the race detector and coverage counters, for end-to-end tests
	@$(GO) build -race -cover -coverpkg=$(COVERED) -o $(BIN)/mcpx ./cmd/mcpx

## ---- parts of check and test

.PHONY: fmt
fmt: ## format all Go files
	@gofmt -w $$(git ls-files -co --exclude-standard '*.go')

.PHONY: fmt-check
fmt-check:
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [[ -n $$unformatted ]]; then printf 'not formatted (make fmt):\n%s\n' "$$unformatted"; exit 1; fi

.PHONY: vet
vet:
	@$(GO) vet ./...

.PHONY: lint
lint: $(LINT)
	@$(LINT) run ./...

# Unit tests and end-to-end tests in one run. Each test binary leaves its
# counters in coverage/unit, each run of the real binary in coverage/e2e. That
# travels in a variable of ours: go test -cover sets GOCOVERDIR to a folder of
# its own, which it removes.
.PHONY: cover
cover: e2e-binary
	@rm -rf $(COVERAGE) && mkdir -p $(COVERAGE)/unit $(COVERAGE)/e2e $(COVERAGE)/merged
	@MCPX_BINARY=$(BIN)/mcpx MCPX_COVERDIR=$(COVERAGE)/e2e \
		$(GO) test -race -timeout 20m -covermode=atomic -coverpkg=$(COVERED) ./... \
		-args -test.gocoverdir=$(COVERAGE)/unit | sed -E 's/\tcoverage: [0-9.]+% of statements in .*//'
	@$(MAKE) --no-print-directory cover-gate

.PHONY: cover-gate
cover-gate:
	@$(GO) tool covdata merge -i=$(COVERAGE)/unit,$(COVERAGE)/e2e -o $(COVERAGE)/merged
	@$(GO) tool covdata textfmt -i=$(COVERAGE)/merged -o $(COVERAGE)/all.txt
	@$(GO) tool covdata percent -i=$(COVERAGE)/merged
	@total=$$($(GO) tool cover -func=$(COVERAGE)/all.txt | awk '/^total:/ { sub("%", "", $$3); print $$3 }'); \
	echo "statement coverage of cmd, actors, messages, transport, config: $$total % (gate: $(MINIMUM) %)"; \
	awk -v t="$$total" 'BEGIN { exit !(t >= $(MINIMUM)) }'

# What has no goroutines and many values, once more and in full: with coverage
# counters, which make a value ten times as dear, there are fewer.
.PHONY: values
values: deps-npm deps-tools
	@TOON_VALUES=100000 $(GO) test ./transport/compact/... ./config

## ---- the tiers

.PHONY: check
check: fmt-check vet lint check-tests ## format, lint, race tests of the packages touched most

# The packages that nearly every change goes through, and those changed since
# the last commit.
.PHONY: check-tests
check-tests:
	@changed=$$(git status --porcelain --untracked-files=all -- '*.go' | awk '{ print $$NF }' | xargs -r -n1 dirname | sort -u | sed 's|^|./|' \
		| while read -r d; do if [[ -n $$(ls $$d/*.go 2>/dev/null) && $$d != ./tests/e2e* ]]; then echo "$$d"; fi; done); \
	$(GO) test -race $$(printf '%s\n' ./messages/... ./actors/... ./transport/jsonrpc/... ./transport/mcp/... ./config/... ./tests $$changed | sort -u)

.PHONY: test
test: ## everything, from a clean clone
	@start=$$(date +%s); \
	step() { local s=$$(date +%s); $(MAKE) --no-print-directory "$$@"; echo "-- $$*: $$(( $$(date +%s) - s )) s"; }; \
	step -j3 deps; step fmt-check; step vet; step lint; step values; step cover; \
	echo "make test: $$(( $$(date +%s) - start )) s wall time"

.PHONY: prove
prove: deps ## fuzzing, random values, repetition, isolation, conformance; FUZZTIME=10m COUNT=3 PARTS="fuzz random race isolation conformance"
	@FUZZTIME=$(FUZZTIME) COUNT=$(COUNT) PARTS="$(PARTS)" tests/tools/prove.sh

## ---- what it costs

# Of one run of a benchmark nothing can be said: benchstat wants several.
BENCH      ?= .
BENCHCOUNT ?= 6
BENCHTIME  ?= 1s

.PHONY: bench
bench: ## every benchmark, with allocations, for benchstat; OUT=bench.txt BENCH=. BENCHCOUNT=6
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) -benchtime $(BENCHTIME) \
		$$(grep -rl --exclude-dir=node_modules --include='*_test.go' '^func Benchmark' actors transport config cmd messages tests | xargs -n1 dirname | sort -u | sed 's|^|./|') \
		| tee $(or $(OUT),bench.txt)

.PHONY: bench-compare
bench-compare: $(BIN)/benchstat ## what differs between two files of make bench; OLD=before.txt NEW=bench.txt
	@$(BIN)/benchstat $(OLD) $(or $(NEW),bench.txt)

$(BIN)/benchstat: tests/tools/benchstat/go.mod tests/tools/benchstat/go.sum
	@$(GO) build -C tests/tools/benchstat -o $@ golang.org/x/perf/cmd/benchstat
	@touch $@

# The load generator that others use as well. Debian's, as the browser is.
.PHONY: deps-wrk
deps-wrk:
	@command -v wrk >/dev/null || { \
		if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
			echo 'installing wrk (once)'; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk >/dev/null; \
		else \
			echo >&2 'wrk is missing; on Debian: apt-get install -y wrk'; exit 1; \
		fi; }

# Other gateways, of the versions that tests/peers/peers.json names.
.PHONY: deps-peers
deps-peers: ## bring other gateways for bench-peers, into bin/peers (npm and PyPI)
	@npm install --prefix $(BIN)/peers/npm --ignore-scripts --no-audit --no-fund --loglevel=error --save-exact supergateway@4.0.0 mcp-proxy@6.7.19
	@python3 -m venv $(BIN)/peers/python && $(BIN)/peers/python/bin/pip install -q mcpo==0.0.20 mcp-proxy==0.13.0 fastapi==0.121.0 # mcpo does not start with later ones

ROUNDS  ?= 5
SECONDS ?= 5
ONLY    ?=
PEERS   ?= tests/peers/peers.json

.PHONY: bench-peers
bench-peers: deps-wrk ## gateways compared, into tests/reports; ROUNDS=5 SECONDS=5 ONLY=REGEXP PEERS=FILE
	@$(GO) run ./tests/peers -rounds $(ROUNDS) -length $(SECONDS)s -only '$(ONLY)' -peers $(PEERS)

.PHONY: bench-start
bench-start: ## cold start with 20 servers against node -e 0, into tests/reports; PAIRS=20 NODE=node
	@$(GO) run ./tests/peers/start -pairs $(or $(PAIRS),20) -node $(or $(NODE),node)

.PHONY: bench-curves
bench-curves: ## what servers and client sessions cost, by their number, into tests/reports; ROUNDS=5 SECONDS=5
	@$(GO) run ./tests/peers/curves -rounds $(ROUNDS) -length $(SECONDS)s

.PHONY: bench-profile
bench-profile: ## where the CPU time of a call goes, into tests/reports; SECONDS=5
	@$(GO) run ./tests/peers/profile -length $(SECONDS)s
	@$(GO) run ./tests/peers/profile -length $(SECONDS)s -stdio -out tests/reports/profile-stdio

.PHONY: clean
clean: ## remove what was built
	@rm -rf $(BIN) $(COVERAGE)
