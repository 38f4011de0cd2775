#!/usr/bin/env bash
# Every fuzz target for FUZZTIME each, then all race tests COUNT times over.
# Writes tests/reports/prove.md; a crasher lands under the package's testdata
# and becomes a regression test when it is committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fuzztime=${FUZZTIME:-30s}
count=${COUNT:-3}
report=tests/reports/prove.md
mkdir -p "$(dirname "$report")"
failed=0

# $() as the condition of an if would lose set -e; each run reports for itself.
run() { # label, command...
	local label=$1 start out verdict=ok
	shift
	start=$(date +%s)
	if ! out=$("$@" 2>&1); then
		verdict=FAILED
		failed=1
		printf '%s\n' "$out" >&2
	fi
	local detail
	detail=$(grep -oE 'execs: [0-9]+' <<<"$out" | tail -1 || true)
	printf '| %s | %s | %s s | %s |\n' "$label" "$verdict" "$(($(date +%s) - start))" "$detail" | tee -a "$report"
}

{
	echo '# make prove'
	echo
	echo "- date: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
	echo "- commit: $(git rev-parse --short HEAD)"
	echo "- machine: $(uname -srm), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
	echo "- $(go version)"
	echo "- fuzzing: $fuzztime per target; repetitions: $count"
	echo
	echo '| what | result | time | |'
	echo '|---|---|---|---|'
} >"$report"

while read -r pkg; do
	while read -r target; do
		run "$target (${pkg#github.com/mcpx/mcpx/})" go test "$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -fuzzminimizetime 10x
	done < <(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true)
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...)

run '100,000 random values through TOON and back' env TOON_VALUES=100000 \
	go test ./transport/compact/toon -run '^TestRandomValues' -count 1 -timeout 30m

make --no-print-directory e2e-binary
while read -r pkg; do
	run "race tests x$count (${pkg#github.com/mcpx/mcpx/})" env MCPX_BINARY="$PWD/bin/mcpx" MCPX_REPORTS="$PWD/tests/reports" \
		go test -race -count "$count" -timeout 30m "$pkg"
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...)

exit "$failed"
