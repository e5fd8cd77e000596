#!/bin/bash
# make.sh OUTDIR — what the file host of the tests serves: tiny models that say their own names, and files that are wrong in one way each.
#   <name>.gguf            a good model; sha256sums lists them
#   sharded-0000N-of-00002.gguf   one model in two files
#   large.gguf             60 MB: slow enough to be caught in the middle of an answer
#   html.gguf              a web page under a model's name, as a login wall gives
#   truncated.gguf         the first half of a good model
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../lib/env.sh"
out=$1 here=$E2E/models venv=$CACHE/venv-$(hash_of "$E2E/models/requirements.txt" "$(python3 --version)")
if [ ! -e "$venv/.complete" ]; then
  rm -rf "$venv"; python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-deps -r "$here/requirements.txt"
  touch "$venv/.complete"
fi
mkdir -p "$out"
make() { "$venv/bin/python" "$here/tiny_gguf.py" "$out/$1.gguf" --name "$1" "${@:2}"; }
make phi4-mini --seed 1
make qwen3-7b-coder --seed 2
make gemma3-4b-summarizer --seed 3
make llama3-1b --seed 4
make sharded --seed 5 --shards 2
make large --seed 6 --pad-mb 60
echo '<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to download this model.</body></html>' >"$out/html.gguf"
head -c 260000 "$out/phi4-mini.gguf" >"$out/truncated.gguf"
(cd "$out" && sha256sum ./*.gguf | sed 's# \./# #' >sha256sums)
