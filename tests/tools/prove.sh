#!/usr/bin/env bash
# The long proofs. Every fuzz target for FUZZTIME, as many at a time as there
# are cores, each on one core; then large random runs; then all race tests COUNT
# times over; then isolation and chaos in their long forms, which judge figures
# and want the machine to themselves; then the official suites and the clients
# of others in their long forms. PARTS chooses among these, and "payloads",
# which sends what others have written through mcpx: PAYLOADS=folder. Writes
# tests/reports/prove-PART.md; a crasher lands under the package's testdata and
# becomes a regression test when it is committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fuzztime=${FUZZTIME:-10m}
count=${COUNT:-3}
parts=${PARTS:-fuzz random race isolation conformance}
reports=$PWD/tests/reports
mkdir -p "$reports"
failed=0

begin() { # part, what it does
	report=$reports/prove-$1.md
	{
		echo "# make prove: $2"
		echo
		echo "- date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
		echo "- commit: $(git rev-parse --short HEAD)"
		echo "- machine: $(uname -srm), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
		echo "- $(go version)"
		echo
		echo '| what | result | time | |'
		echo '|---|---|---|---|'
	} >"$report"
}

# $() as the condition of an if would lose set -e; each run reports for itself.
run() { # label, command...
	local label=$1 start out verdict=ok detail
	shift
	start=$(date +%s)
	if ! out=$("$@" 2>&1); then
		verdict=FAILED
		printf '%s\n' "$out" >&2
	fi
	detail=$(grep -oE 'execs: [0-9]+|[0-9]+ of [0-9]+ payloads' <<<"$out" | tail -1 || true)
	printf '| %s | %s | %s s | %s |\n' "$label" "$verdict" "$(($(date +%s) - start))" "$detail" | tee -a "$report"
	[[ $verdict == ok ]]
}

tested() { go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...; }

fuzz_targets() {
	local pkg
	while read -r pkg; do
		go test -list '^Fuzz' "$pkg" | awk -v p="$pkg" '/^Fuzz/ { print p, $1 }'
	done < <(tested) | grep -E "${TARGETS:-.}"
}

fuzz() {
	begin fuzz "every fuzz target for $fuzztime on one core"
	local pkg target
	while read -r pkg target; do
		while (($(jobs -pr | wc -l) >= $(nproc))); do wait -n || failed=1; done
		run "$target (${pkg#github.com/mcpx/mcpx/})" go test "$pkg" -run '^$' -fuzz "^$target\$" \
			-fuzztime "$fuzztime" -fuzzminimizetime 10x -parallel 1 -timeout 0 &
	done < <(fuzz_targets)
	while [[ -n $(jobs -p) ]]; do wait -n || failed=1; done
}

random() {
	begin random 'large random runs'
	run '1,000,000 random values through TOON and back' env TOON_VALUES=1000000 \
		go test ./transport/compact/toon -run '^TestRandomValues' -count 1 -timeout 30m || failed=1
}

race() {
	begin race "race tests $count times over"
	make --no-print-directory e2e-binary
	local pkg to
	while read -r pkg; do
		to=$reports
		case $pkg in */tests/isolation | */tests/chaos) to= ;; esac # their reports are of the long forms
		run "${pkg#github.com/mcpx/mcpx/}" env MCPX_BINARY="$PWD/bin/mcpx" MCPX_REPORTS="$to" \
			go test -race -count "$count" -timeout 30m "$pkg" || failed=1
	done < <(tested)
}

isolation() {
	begin isolation 'isolation and chaos in their long forms: see isolation.md, chaos.md and rest.md'
	local dir pkg
	dir=$(mktemp -d)
	go build -trimpath -o "$dir/mcpx" ./cmd/mcpx # as people run it, without the race detector
	for pkg in isolation chaos rest relay; do
		run "tests/$pkg" env MCPX_PROVE=1 MCPX_BINARY="$dir/mcpx" MCPX_REPORTS="$reports" \
			go test -count 1 -timeout 30m "./tests/$pkg" || failed=1
	done
	rm -rf "$dir"
}

conformance() {
	begin conformance 'the official suites three times in a row, and the clients of others: see conformance.md'
	local dir
	dir=$(mktemp -d)
	go build -trimpath -o "$dir/mcpx" ./cmd/mcpx
	run tests/e2e env MCPX_PROVE=1 MCPX_BINARY="$dir/mcpx" MCPX_REPORTS="$reports" \
		go test -count 1 -timeout 30m -run '^Test(Conformance|Features)_' ./tests/e2e || failed=1
	rm -rf "$dir"
}

# Payloads that others have written: PAYLOADS is a folder with a folder for each
# definition of the schema, as the specification keeps its examples.
payloads() {
	begin payloads 'payloads of others through a transparent endpoint, each in its role'
	make --no-print-directory e2e-binary
	run 'over http and stdio, both ways' env MCPX_BINARY="$PWD/bin/mcpx" MCPX_PAYLOADS="$(realpath "${PAYLOADS:?is a folder of payloads}")" \
		go test -count 1 -timeout 10m ./tests/relay -run '^TestPayloads_OfOthers' -v || failed=1
}

for part in $parts; do "$part"; done
exit "$failed"
